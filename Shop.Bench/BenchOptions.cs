using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Shop.Bench;

/// <summary>What was asked for on the command line.</summary>
internal sealed record BenchOptions(string Scenario, int Seconds, int Concurrency, int Orders, string? JsonFile)
{
    public const string Usage = """
        ./shop bench place|hot [--seconds N] [--concurrency N] [--json FILE]
        ./shop bench handled [--seconds N] [--json FILE]
        ./shop bench proof [--orders N] [--concurrency N] [--json FILE]

          place            orders of one unit, over 100 products
          hot              the same, all on one product
          handled          from the commit of an event to the commit of its handling, while nothing else happens
          proof            how long the proof takes over many orders, a hundredth of them paid
          --seconds N      how long to measure after the warm-up, 1 to 400; 20 if not given. handled: once placing,
                           once paying, 1 to 200; 60 if not given
          --concurrency N  connections, each with one buyer and one request at a time, 1 to 512; 64 if not given
          --orders N       100 to 1,000,000; 100,000 if not given
          --json FILE      write the last line into this file, too
        """;

    /// <summary>The buyers' tokens are good for ten minutes; warm-up and measurement have to fit.</summary>
    public const int MaxSeconds = 400;

    private const int MaxConcurrency = 512;
    private const int MinOrders = 100;
    private const int MaxOrders = 1_000_000;

    public int Products => Scenario == "hot" ? 1 : 100;

    public static bool TryParse(string[] args, [NotNullWhen(true)] out BenchOptions? options)
    {
        options = null;
        if (args is not ["place" or "hot" or "handled" or "proof", ..] || args.Length % 2 == 0) return false;

        var scenario = args[0];
        var parsed = new BenchOptions(
            scenario, Seconds: scenario == "handled" ? 60 : 20, Concurrency: 64, Orders: 100_000, JsonFile: null);
        var maxSeconds = scenario == "handled" ? MaxSeconds / 2 : MaxSeconds;
        for (var i = 1; i < args.Length; i += 2)
        {
            var value = args[i + 1];
            switch (args[i])
            {
                case "--seconds" when scenario != "proof" && Number(value, 1, maxSeconds) is { } seconds:
                    parsed = parsed with { Seconds = seconds };
                    break;
                case "--concurrency" when scenario != "handled" && Number(value, 1, MaxConcurrency) is { } concurrency:
                    parsed = parsed with { Concurrency = concurrency };
                    break;
                case "--orders" when scenario == "proof" && Number(value, MinOrders, MaxOrders) is { } orders:
                    parsed = parsed with { Orders = orders };
                    break;
                case "--json" when value.Length > 0:
                    parsed = parsed with { JsonFile = value };
                    break;
                default:
                    return false;
            }
        }

        options = parsed;
        return true;
    }

    private static int? Number(string text, int min, int max) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number >= min && number <= max ? number : null;
}
