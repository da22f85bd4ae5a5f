using System.Diagnostics;

namespace Shop.Bench;

/// <summary>Orders as fast as the buyers can, between two looks at what PostgreSQL alone can store.</summary>
internal static class PlaceScenario
{
    // The runtime compiles what is hot a second time; after this long nothing gets faster any more.
    private const int WarmUpSeconds = 15;
    private const int DrainSeconds = 120;

    public static async Task<Outcome> MeasureAsync(BenchOptions options, BenchShop shop, CancellationToken ct)
    {
        Guid[] products = [.. Enumerable.Range(1, options.Products).Select(Databases.ProductId)];
        var catalogdb = await shop.ConnectionStringAsync("catalogdb", ct);
        var orderingdb = await shop.ConnectionStringAsync("orderingdb", ct);
        await Databases.AddProductsAsync(catalogdb, products, ct);
        await Databases.MakeLogFilesAsync(catalogdb, ct);
        Say.Line($"{options.Products} products; registering {options.Concurrency} buyers");

        await using var ceiling = await Ceiling.PrepareAsync(Ceiling.FindPgbench(), orderingdb, products, ct);
        var before = await ceiling.MeasureAsync(ct);
        Say.Line($"Ceiling before: {before:N0} orders/s by pgbench, one a transaction");

        var tokens = await Buyers.SignInAsync(shop.Identity, options.Concurrency, ct);
        using var loop = new ClosedLoop(shop.Ordering, tokens, products);
        var warmUp = await loop.RunAsync("warm-up", WarmUpSeconds, ct);
        await Databases.AnalyzeAsync(catalogdb, ct);
        await Databases.AnalyzeAsync(orderingdb, ct);

        var usedBefore = ProcessUsage.Read(shop.Processes);
        var load = await loop.RunAsync("measure", options.Seconds, ct);
        var usedAfter = ProcessUsage.Read(shop.Processes);

        var told = warmUp.Placed + load.Placed;
        foreach (var database in (string[])[catalogdb, orderingdb]) await TellScannedAsync(database, told, ct);
        await DrainAsync([catalogdb, orderingdb], ct);
        var after = await ceiling.MeasureAsync(ct);
        Say.Line($"Ceiling after:  {after:N0} orders/s");

        // Who was told 201 has an order, and it its stock: else the speed is worth nothing.
        var sums = new Sums(
            told, await Databases.OrdersAsync(orderingdb, ct), await Databases.UnitsHeldAsync(catalogdb, ct));
        var result = new Result(warmUp, load, sums, before, after);
        result.Tell(usedBefore, usedAfter);
        return new(result.Ok, result.Json(options.Scenario));
    }

    private static async Task TellScannedAsync(string database, long orders, CancellationToken ct)
    {
        const int most = 4;
        var scanned = await Databases.ScannedAsync(database, ct);
        foreach (var (table, rows) in scanned.OrderByDescending(table => table.Value).Take(most))
        {
            var each = (double)rows / Math.Max(1, orders);
            Say.Line($"  {table,-18} {rows,12:N0} rows read by sequential scans, {each:F1} an order");
        }
    }

    /// <summary>Relay and consumers share the machine: what they have left would lower the second ceiling.</summary>
    private static async Task DrainAsync(string[] databases, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
        var first = await WaitingAsync();
        for (var waiting = first; waiting > 0; waiting = await WaitingAsync())
        {
            var elapsed = Stopwatch.GetElapsedTime(started);
            if (elapsed.TotalSeconds > DrainSeconds)
            {
                Say.Line($"{waiting:N0} events still wait after {DrainSeconds} s: the second ceiling is too low.");
                return;
            }

            await pause.WaitForNextTickAsync(ct);
        }

        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        Say.Line($"{first:N0} events waited for the relay at the end; all published {seconds:F1} s later");

        async Task<long> WaitingAsync()
        {
            var sum = 0L;
            foreach (var database in databases) sum += await Databases.EventsWaitingAsync(database, ct);
            return sum;
        }
    }
}
