using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Orders;

/// <summary>
/// Holds stock for orders that are about to be stored: all that ask while a call is under way share the next one, and
/// each hears its own verdict.
/// </summary>
internal sealed class ReserveStock(IServiceProvider services)
{
    internal SharedCommit<CatalogClient.Reservation, Answer> Shared { get; } =
        new((reservations, ct) => FlushAsync(services, reservations, ct));

    /// <exception cref="ServiceUnavailableException">Catalog is away. A hold may be there; its sweep asks us.</exception>
    public async Task<CatalogClient.Held> RunAsync(CatalogClient.Reservation reservation, CancellationToken ct)
    {
        var answer = await Shared.RunAsync(reservation, ct);
        // Dying from here on leaves a hold without an order: Catalog's sweep asks for its verdict, finds nothing,
        // leaves a tombstone and releases it.
        Crash.At("ReserveStock:after-reserve");
        if (answer.Away is { } away)
        {
            throw new ServiceUnavailableException(away.Service, away.RetryAfter, away.MayHaveArrived, away);
        }

        return answer.Held!;
    }

    private static async Task<IReadOnlyList<Answer>> FlushAsync(
        IServiceProvider services, IReadOnlyList<CatalogClient.Reservation> reservations, CancellationToken ct)
    {
        // A client of its own per flush, so that its handlers may be renewed.
        var catalog = services.GetRequiredService<CatalogClient>();
        try
        {
            var held = await catalog.ReserveManyAsync(reservations, ct);
            return [.. reservations.Zip(held, Matching)];
        }
        catch (ServiceUnavailableException away)
        {
            // One answer for all: asking for each of them alone would only make all of them wait for a dead service.
            return [.. reservations.Select(_ => new Answer(null, away))];
        }
    }

    private static Answer Matching(CatalogClient.Reservation asked, CatalogClient.Held held) =>
        asked.OrderId == held.OrderId
            ? new(held, null)
            : throw new InvalidOperationException($"Catalog answered {held.OrderId} where {asked.OrderId} was asked.");

    internal sealed record Answer(CatalogClient.Held? Held, ServiceUnavailableException? Away);
}
