using System.Diagnostics;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Orders;

/// <summary>
/// Holds stock for orders that are about to be stored: all that ask while a call is under way share the next one, and
/// each hears its own verdict. Those that come with a key are looked up first, and one that was placed before holds
/// nothing.
/// </summary>
internal sealed class ReserveStock(Database<OrderingDb> database, IServiceProvider services)
{
    // Catalog could not commit this reservation, though it answered the others.
    private const string NotNow = "unavailable";
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    internal SharedCommit<Item, Answer> Shared { get; } =
        new((items, ct) => FlushAsync(database, services, items, ct));

    /// <param name="key">As it is stored; null where the request came without one.</param>
    /// <exception cref="ServiceUnavailableException">
    /// Catalog is away. A hold may be there; its sweep asks for it.
    /// </exception>
    public async Task<Outcome> RunAsync(CatalogClient.Reservation reservation, string? key, CancellationToken ct)
    {
        var answer = await Shared.RunAsync(new(reservation, key, Activity.Current), ct);
        if (answer.Before is { } before) return new(null, before);

        if (answer.Away is { } away)
        {
            throw new ServiceUnavailableException(away.Service, away.RetryAfter, away.MayHaveArrived, away);
        }

        return answer.Held!.Reason == NotNow
            ? throw new ServiceUnavailableException("catalog", RetryAfter, mayHaveArrived: true)
            : new(answer.Held, null);
    }

    private static async Task<IReadOnlyList<Answer>> FlushAsync(
        Database<OrderingDb> database, IServiceProvider services, IReadOnlyList<Item> items, CancellationToken ct)
    {
        // The shared call stands in the trace of its first request; a lone request sees the whole of its own.
        Activity.Current = items[0].Cause is { IsStopped: false } cause ? cause : null;
        var before = await BeforeAsync(database, items, ct);
        var missing = items.Where(item => !before.ContainsKey(item.Reservation.OrderId)).ToArray();
        var held = new Queue<Answer>(missing.Length == 0 ? [] : await HoldAsync(services, missing, ct));
        return [.. items.Select(item =>
            before.TryGetValue(item.Reservation.OrderId, out var order) ? new(null, order, null) : held.Dequeue())];
    }

    private static async Task<IReadOnlyDictionary<Guid, Order>> BeforeAsync(
        Database<OrderingDb> database, IReadOnlyList<Item> items, CancellationToken ct)
    {
        var queries = items.Where(item => item.Key is not null)
            .Select(item => new FindPlaced.Query(item.Reservation.OrderId, item.Reservation.UserId, item.Key))
            .Distinct().ToArray();
        if (queries.Length == 0) return new Dictionary<Guid, Order>();

        var found = await FindPlaced.LookUpAsync(database, queries, ct);
        return queries.Zip(found).Where(pair => pair.Second is not null)
            .ToDictionary(pair => pair.First.Id, pair => pair.Second!);
    }

    private static async Task<IReadOnlyList<Answer>> HoldAsync(
        IServiceProvider services, Item[] items, CancellationToken ct)
    {
        // A client of its own per flush, so that its handlers may be renewed.
        var catalog = services.GetRequiredService<CatalogClient>();
        try
        {
            Crash.At("ReserveStock:before-reserve");
            var held = await catalog.ReserveManyAsync([.. items.Select(item => item.Reservation)], ct);
            // Dying from here on leaves holds without orders: Catalog's sweep asks for their verdict, finds nothing,
            // leaves tombstones and releases them.
            Crash.At("ReserveStock:after-reserve");
            return held.Count == items.Length
                ? [.. items.Zip(held, Matching)]
                : throw new InvalidOperationException($"Catalog answered {held.Count} of {items.Length} reservations.");
        }
        catch (ServiceUnavailableException away)
        {
            // One answer for all: asking for each of them alone would only make all of them wait for a dead service.
            return [.. items.Select(_ => new Answer(null, null, away))];
        }
    }

    private static Answer Matching(Item asked, CatalogClient.Held held) =>
        asked.Reservation.OrderId == held.OrderId
            ? new(held, null, null)
            : throw new InvalidOperationException($"Catalog answered for {held.OrderId}, which was not asked there.");

    /// <summary>One of the two.</summary>
    /// <param name="Held">Catalog's verdict.</param>
    /// <param name="Before">What has the order's id, or its user and key, already.</param>
    internal readonly record struct Outcome(CatalogClient.Held? Held, Order? Before);

    internal sealed record Item(CatalogClient.Reservation Reservation, string? Key, Activity? Cause);

    internal sealed record Answer(CatalogClient.Held? Held, Order? Before, ServiceUnavailableException? Away);
}
