using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Proof;

namespace Shop.Bench;

/// <summary>How long the proof takes over many orders, all placed through the API and a part of them paid.</summary>
internal static class ProofScenario
{
    private const int Products = 100;
    private const int PaidShare = 100; // One order in so many.
    private const int PaidAtOnce = 4;
    private const int Runs = 5;
    private const int SlowestShown = 5;
    private const int DrainSeconds = 300;

    // What is younger than this is left out by rules about what follows from an order or an event.
    private const int LookedAtAfterSeconds = 30;
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(LookedAtAfterSeconds + 5);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>No order expires on the way, the proof runs when asked only, and it looks at every event.</summary>
    public static readonly BenchSettings Settings = new(
        [
            "Orders:TtlSeconds=86400", "Proof:IntervalSeconds=0", $"Proof:EventAgeSeconds={LookedAtAfterSeconds}",
            $"Proof:SettledSeconds={LookedAtAfterSeconds}",
        ],
        []);

    public static async Task<Outcome> MeasureAsync(BenchOptions options, BenchShop shop, CancellationToken ct)
    {
        var databases = await shop.ConnectionStringsAsync(ct);
        await FillAsync(options, shop, databases, ct);
        await Events.DrainAsync([.. databases.Values], DrainSeconds, ct);
        var created = await Databases.OrdersAsync(databases["orderingdb"], "CREATED", ct);
        var paid = await Databases.OrdersAsync(databases["orderingdb"], "PAID", ct);
        Say.Line($"{created:N0} orders wait for their payment, {paid:N0} are paid; every event is handled");

        // As autovacuum does it within a minute or so.
        foreach (var database in databases.Values) await Databases.AnalyzeAsync(database, ct);
        await Task.Delay(Settling, ct);

        var reports = await ProveAsync(shop, databases["identitydb"], ct);
        var median = reports.OrderBy(report => report.Seconds).ElementAt(Runs / 2);
        var ok = reports.All(report => report.Holds) && created + paid == options.Orders
            && paid == options.Orders / PaidShare;
        Tell(reports, median);
        return new(ok, JsonSerializer.Serialize(
            new
            {
                options.Scenario,
                Ok = ok,
                Orders = created + paid,
                Paid = paid,
                MedianSeconds = Math.Round(median.Seconds, 2),
                Seconds = reports.Select(report => Math.Round(report.Seconds, 2)),
                Rules = median.Rules.Count,
                Holding = reports.Min(report => report.Rules.Count(rule => rule.Holds)),
            },
            JsonSerializerOptions.Web));
    }

    private static async Task FillAsync(
        BenchOptions options, BenchShop shop, IReadOnlyDictionary<string, string> databases, CancellationToken ct)
    {
        Guid[] products = [.. Enumerable.Range(1, Products).Select(Databases.ProductId)];
        await Databases.AddProductsAsync(databases["catalogdb"], products, ct);
        var tokens = await Buyers.SignInAsync(shop.Identity, options.Concurrency, ct);
        using var loop = new ClosedLoop(shop.Ordering, tokens, products);
        var paid = options.Orders / PaidShare;
        var load = await loop.RunAsync("fill", BenchOptions.MaxSeconds, ct, options.Orders - paid);
        if (load.Placed < options.Orders - paid)
        {
            var errors = string.Join(", ", load.Errors.Select(error => $"{error.Value} x {error.Key}"));
            throw new BenchException(
                $"Only {load.Placed} orders were placed in {load.Seconds:F0} s, {load.Conflicts} conflicts {errors}");
        }

        Say.Line($"{load.Placed:N0} orders placed in {load.Seconds:F0} s; now {paid:N0} that are paid");
        using var purchases = new Purchases(shop);
        await Parallel.ForAsync(
            0, paid, new ParallelOptions { MaxDegreeOfParallelism = PaidAtOnce, CancellationToken = ct },
            async (i, stop) =>
            {
                var token = tokens[i % tokens.Count];
                var order = await purchases.PlaceAsync(token, products[i % Products], stop);
                await purchases.PayAsync(token, order, stop);
            });
    }

    private static async Task<IReadOnlyList<ProofReport>> ProveAsync(
        BenchShop shop, string identitydb, CancellationToken ct)
    {
        using var workers = new HttpClient { BaseAddress = shop.Workers, Timeout = Patience };
        workers.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", await Buyers.SignInAdminAsync(shop.Identity, identitydb, ct));
        var reports = new List<ProofReport>();
        for (var run = 1; run <= Runs; run++)
        {
            using var answer = await workers.GetAsync(new Uri("/proof", UriKind.Relative), ct);
            answer.EnsureSuccessStatusCode();
            var report = (await answer.Content.ReadFromJsonAsync<ProofReport>(ShopJson.Options, ct))!;
            reports.Add(report);
            var holding = report.Rules.Count(rule => rule.Holds);
            Say.Line($"  proof {run}: {report.Seconds:F2} s, {holding} of {report.Rules.Count} rules hold");
        }

        return reports;
    }

    private static void Tell(IReadOnlyList<ProofReport> reports, ProofReport median)
    {
        var empty = median.Rules.Count(rule => rule.Checked == 0);
        var rows = median.Rules.Sum(rule => rule.Checked);
        Say.Line($"");
        Say.Line($"Median {median.Seconds:F2} s: {median.Rules.Count} rules, {rows:N0} rows checked, {empty} had none");
        Say.Line($"Slowest rules of that run, some at the same time:");
        foreach (var rule in median.Rules.OrderByDescending(rule => rule.Seconds).Take(SlowestShown))
        {
            Say.Line($"  {rule.Seconds,6:F2} s {rule.Checked,9:N0} rows  {rule.Name}");
        }

        var broken = reports.SelectMany(report => report.Rules).Where(rule => !rule.Holds);
        foreach (var rule in broken.DistinctBy(rule => rule.Name))
        {
            Say.Line($"FAILS: {rule.Name}, {rule.Offending:N0} offenders {rule.Error}");
            foreach (var facts in rule.Facts.Take(SlowestShown)) Say.Line($"  {facts}");
        }

        Say.Line($"");
    }
}
