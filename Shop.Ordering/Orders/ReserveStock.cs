using System.Diagnostics;
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
    // Catalog could not commit this reservation, though it answered the others.
    private const string NotNow = "unavailable";
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    internal SharedCommit<Item, Answer> Shared { get; } = new((items, ct) => FlushAsync(services, items, ct));

    /// <exception cref="ServiceUnavailableException">
    /// Catalog is away. A hold may be there; its sweep asks for it.
    /// </exception>
    public async Task<CatalogClient.Held> RunAsync(CatalogClient.Reservation reservation, CancellationToken ct)
    {
        Crash.At("ReserveStock:before-reserve");
        var answer = await Shared.RunAsync(new(reservation, Activity.Current), ct);
        // Dying from here on leaves a hold without an order: Catalog's sweep asks for its verdict, finds nothing,
        // leaves a tombstone and releases it.
        Crash.At("ReserveStock:after-reserve");
        if (answer.Away is { } away)
        {
            throw new ServiceUnavailableException(away.Service, away.RetryAfter, away.MayHaveArrived, away);
        }

        return answer.Held!.Reason == NotNow
            ? throw new ServiceUnavailableException("catalog", RetryAfter, mayHaveArrived: true)
            : answer.Held;
    }

    private static async Task<IReadOnlyList<Answer>> FlushAsync(
        IServiceProvider services, IReadOnlyList<Item> items, CancellationToken ct)
    {
        // The shared call stands in the trace of its first request; a lone request sees the whole of its own.
        Activity.Current = items[0].Cause is { IsStopped: false } cause ? cause : null;
        // A client of its own per flush, so that its handlers may be renewed.
        var catalog = services.GetRequiredService<CatalogClient>();
        try
        {
            var held = await catalog.ReserveManyAsync([.. items.Select(item => item.Reservation)], ct);
            return held.Count == items.Count
                ? [.. items.Zip(held, Matching)]
                : throw new InvalidOperationException($"Catalog answered {held.Count} of {items.Count} reservations.");
        }
        catch (ServiceUnavailableException away)
        {
            // One answer for all: asking for each of them alone would only make all of them wait for a dead service.
            return [.. items.Select(_ => new Answer(null, away))];
        }
    }

    private static Answer Matching(Item asked, CatalogClient.Held held) =>
        asked.Reservation.OrderId == held.OrderId
            ? new(held, null)
            : throw new InvalidOperationException($"Catalog answered for {held.OrderId}, which was not asked there.");

    internal sealed record Item(CatalogClient.Reservation Reservation, Activity? Cause);

    internal sealed record Answer(CatalogClient.Held? Held, ServiceUnavailableException? Away);
}
