using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Shop.Bench;

/// <summary>What was asked for on the command line.</summary>
internal sealed record BenchOptions(string Scenario, int Seconds, int Concurrency, string? JsonFile)
{
    public const string Usage = """
        ./shop bench place|hot [--seconds N] [--concurrency N] [--json FILE]

          place            orders of one unit, over 100 products
          hot              the same, all on one product
          --seconds N      how long to measure after the warm-up, 1 to 400; 20 if not given
          --concurrency N  connections, each with one buyer and one request at a time, 1 to 512; 64 if not given
          --json FILE      write the last line into this file, too
        """;

    // The buyers' tokens are good for ten minutes; warm-up and measurement have to fit.
    private const int MaxSeconds = 400;
    private const int MaxConcurrency = 512;

    public int Products => Scenario == "hot" ? 1 : 100;

    public static bool TryParse(string[] args, [NotNullWhen(true)] out BenchOptions? options)
    {
        options = null;
        if (args is not ["place" or "hot", ..] || args.Length % 2 == 0) return false;

        var parsed = new BenchOptions(args[0], Seconds: 20, Concurrency: 64, JsonFile: null);
        for (var i = 1; i < args.Length; i += 2)
        {
            var value = args[i + 1];
            switch (args[i])
            {
                case "--seconds" when Number(value, MaxSeconds) is { } seconds:
                    parsed = parsed with { Seconds = seconds };
                    break;
                case "--concurrency" when Number(value, MaxConcurrency) is { } concurrency:
                    parsed = parsed with { Concurrency = concurrency };
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

    private static int? Number(string text, int max) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number >= 1 && number <= max ? number : null;
}
