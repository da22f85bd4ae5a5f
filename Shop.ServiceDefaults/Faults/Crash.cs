using System.Diagnostics;
using System.Globalization;

namespace Shop.ServiceDefaults.Faults;

/// <summary>
/// Named places where a process can be made to die as if killed: around each commit, call, XADD and acknowledgement.
/// Inert unless the environment variable <c>SHOP_CRASH_POINT</c> names one, as <c>name</c> or <c>name#hit</c>
/// (the first hit is 1).
/// </summary>
public static class Crash
{
    private static readonly string Armed = Environment.GetEnvironmentVariable("SHOP_CRASH_POINT") ?? "";
    private static readonly string Name = Armed.Split('#')[0];
    private static readonly int Hit =
        Armed.Contains('#') ? int.Parse(Armed.Split('#')[1], CultureInfo.InvariantCulture) : 1;

    private static int _hits;

    /// <summary>True where a crash point is configured: names are only put together then.</summary>
    public static bool IsArmed => Name.Length > 0;

    /// <summary>Dies here, without any clean-up, if this is the configured point and its turn has come.</summary>
    public static void At(string point)
    {
        if (!IsArmed || !string.Equals(point, Name, StringComparison.Ordinal)) return;
        if (Interlocked.Increment(ref _hits) != Hit) return;

        Console.Error.WriteLine($"crash point {point}");
        Process.GetCurrentProcess().Kill();
    }

    /// <summary>The point of a transaction: the slice's file, its method, and the side of the commit.</summary>
    internal static void AtCommit(string file, string member, string side)
    {
        if (IsArmed) At($"{Path.GetFileNameWithoutExtension(file)}.{member}:{side}-commit");
    }
}
