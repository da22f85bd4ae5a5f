using System.Text.Json;

namespace Shop.Bench;

/// <summary>
/// How long an event takes from its commit to the commit of what a group makes of it, while the shop does nothing else:
/// first orders are placed, one at a time, then the same orders are paid.
/// </summary>
internal static class HandledScenario
{
    private const int WarmUps = 60;
    private const int DrainSeconds = 60;

    // No two pauses alike: else every event would meet the rounds of relay and readers at the same point.
    private const int ShortestPauseMs = 150;
    private const int LongestPauseMs = 250;

    public static readonly BenchSettings Settings = new([], ["track_commit_timestamp=on"]);

    public static async Task<Outcome> MeasureAsync(BenchOptions options, BenchShop shop, CancellationToken ct)
    {
        var databases = await shop.ConnectionStringsAsync(ct);
        var (orderingdb, paymentsdb) = (databases["orderingdb"], databases["paymentsdb"]);
        var product = Databases.ProductId(1);
        await Databases.AddProductsAsync(databases["catalogdb"], [product], ct);
        var token = (await Buyers.SignInAsync(shop.Identity, 1, ct))[0];
        using var purchases = new Purchases(shop);
        for (var i = 0; i < WarmUps; i++)
        {
            await purchases.PayAsync(token, await purchases.PlaceAsync(token, product, ct), ct);
        }

        await Events.DrainAsync([.. databases.Values], DrainSeconds, ct);
        Say.Line($"One buyer, one request each {ShortestPauseMs} to {LongestPauseMs} ms");

        var orders = new List<Guid>();
        var placed = await RunAsync(
            "OrderCreated", new(orderingdb, "OrderCreated.v1", "ordering-notifications"),
            async () =>
            {
                for (var i = 0; i < Count(options.Seconds); i++)
                {
                    orders.Add(await purchases.PlaceAsync(token, product, ct));
                    await PauseAsync(ct);
                }
            },
            [.. databases.Values], ct);
        var paid = await RunAsync(
            "PaymentRequested", new(paymentsdb, "PaymentRequested.v1", "payments-payments"),
            async () =>
            {
                foreach (var order in orders)
                {
                    await purchases.PayAsync(token, order, ct);
                    await PauseAsync(ct);
                }
            },
            [.. databases.Values], ct);

        Say.Line($"OrderCreated is handled when the buyer's notification is committed (ordering-notifications),");
        Say.Line($"PaymentRequested when PROCESSING is (payments-payments): the call to the processor begins then.");
        Say.Line($"Both moments are the commit timestamps that PostgreSQL took down by its one clock; nothing polls.");
        Say.Line($"It takes them as it writes the commit record, before that is on the disk, at both ends.");
        Say.Line($"");
        var ok = Ok(placed) && Ok(paid);
        return new(ok, JsonSerializer.Serialize(
            new { options.Scenario, Ok = ok, OrderCreated = Figures(placed), PaymentRequested = Figures(paid) },
            JsonSerializerOptions.Web));

        bool Ok(Latencies delays) => delays.Count == Count(options.Seconds);
    }

    private static int Count(int seconds) => seconds * 1000 / ((ShortestPauseMs + LongestPauseMs) / 2);

    private static async Task<Latencies> RunAsync(
        string title, Handling handling, Func<Task> work, IReadOnlyList<string> databases, CancellationToken ct)
    {
        var last = await Events.LastAsync(handling.Database, ct);
        await work();
        await Events.DrainAsync(databases, DrainSeconds, ct);
        var (delays, unhandled) = await Events.DelaysAsync(handling, last, ct);
        var (p50, p95, p99) = (delays.PercentileMs(50), delays.PercentileMs(95), delays.PercentileMs(99));
        Say.Line($"{title,-17} commit to handled: p50 {p50} ms, p95 {p95} ms, p99 {p99} ms, {delays.Count:N0} events");
        if (unhandled > 0) Say.Line($"  {unhandled:N0} were never handled");
        return delays;
    }

    private static Task PauseAsync(CancellationToken ct) =>
        Task.Delay(Random.Shared.Next(ShortestPauseMs, LongestPauseMs + 1), ct);

    private static object Figures(Latencies delays) => new
    {
        Events = delays.Count,
        P50Ms = delays.PercentileMs(50),
        P95Ms = delays.PercentileMs(95),
        P99Ms = delays.PercentileMs(99),
    };
}
