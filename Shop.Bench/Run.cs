namespace Shop.Bench;

/// <summary>What a scenario came to.</summary>
/// <param name="Ok">Nothing went wrong on the way: else its figures are worth nothing.</param>
/// <param name="Line">The last line, as JSON.</param>
internal sealed record Outcome(bool Ok, string Line);

/// <summary>One run from the start of the shop to the last line.</summary>
internal static class Run
{
    public static async Task<int> RunAsync(BenchOptions options, CancellationToken ct)
    {
        var settings = options.Scenario switch
        {
            "handled" => HandledScenario.Settings,
            "proof" => ProofScenario.Settings,
            _ => BenchSettings.Ordinary,
        };
        // Looked for before anything starts: placing has nothing to be compared with without it.
        if (options.Scenario is "place" or "hot") Ceiling.FindPgbench();

        Outcome outcome;
        var differences = BenchShop.Settings + settings;
        Say.Line($"Starting the shop ({differences})");
        await using (var shop = await BenchShop.StartAsync(settings, ct))
        {
            outcome = await (options.Scenario switch
            {
                "handled" => HandledScenario.MeasureAsync(options, shop, ct),
                "proof" => ProofScenario.MeasureAsync(options, shop, ct),
                _ => PlaceScenario.MeasureAsync(options, shop, ct),
            });
        }

        if (options.JsonFile is { } file) await File.WriteAllTextAsync(file, outcome.Line + "\n", ct);
        await Console.Out.WriteLineAsync(outcome.Line);
        return outcome.Ok ? 0 : 1;
    }
}
