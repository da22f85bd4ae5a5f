using System.Text.Json;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;

namespace Shop.Tests.Proof;

/// <summary>Asking a running shop for its proof.</summary>
internal static class Proving
{
    private static readonly string[] Services = ["identity", "catalog", "ordering", "payments", "sandbox", "workers"];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>What the proof says, as JSON.</summary>
    public static async Task<JsonElement> ProveAsync(this ShopUser admin) =>
        (await admin.Workers.AskAsync("/proof")).Body;

    /// <summary>Names of the rules that do not hold, with their offenders.</summary>
    public static string[] Broken(this JsonElement proof) =>
    [
        .. from rule in proof.GetProperty("rules").EnumerateArray()
           where !rule.GetProperty("holds").GetBoolean()
           select $"{rule.GetProperty("name")}: {rule.GetProperty("offenders")}",
    ];

    /// <summary>
    /// Fails unless every rule holds, after what is still on its way has had time to arrive. Without all services
    /// running nothing is asked: a test has left some of them dead, and nothing could arrive.
    /// </summary>
    public static async Task AssertProvedAsync(this ShopApp shop)
    {
        if (!await shop.IsWholeAsync()) return;

        var admin = await shop.SampleUserAsync("admin@shop.example");
        using var client = admin.Workers;
        client.DefaultRequestHeaders.Accept.ParseAdd("text/plain");
        await Eventually.GetAsync(
            () => client.GetStringAsync("/proof"),
            table => table.TrimEnd().EndsWith("rules hold.", StringComparison.Ordinal),
            Patience, "the proof");
    }

    private static async Task<bool> IsWholeAsync(this ShopApp shop)
    {
        using var control = shop.Control();
        var rows = (await control.GetStringAsync("/resources")).Split('\n');
        return Services.All(service => rows
            .Where(row => row.StartsWith($"{service}-", StringComparison.Ordinal)) is var replicas
            && replicas.Any()
            && replicas.All(row => row.Contains(" Running ", StringComparison.Ordinal)));
    }
}
