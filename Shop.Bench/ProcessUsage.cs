using System.Globalization;

namespace Shop.Bench;

/// <summary>
/// What a process and all below it have used so far, read from /proc. A process that has ended counts with its parent:
/// so no work of PostgreSQL's short-lived helpers is lost.
/// </summary>
internal sealed record ProcessUsage(string Name, double CpuSeconds, double MemoryMb)
{
    private const double TicksPerSecond = 100; // USER_HZ, the same on every Linux that .NET runs on.

    /// <summary>Nothing where the machine has no /proc; a process that is gone is left out.</summary>
    public static IReadOnlyList<ProcessUsage> Read(IReadOnlyDictionary<string, int> processes)
    {
        if (!File.Exists("/proc/self/stat")) return [];

        var all = Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), out var id) ? ReadStat(id) : null)
            .OfType<Stat>().ToArray();
        var children = all.ToLookup(stat => stat.Parent);
        return
        [
            .. from named in processes
               let root = all.FirstOrDefault(stat => stat.Id == named.Value)
               where root is not null
               // Below the bench itself are all the others, which have their own lines.
               let tree = root.Id == Environment.ProcessId ? [root] : Tree(root, children).ToArray()
               select new ProcessUsage(
                   named.Key,
                   tree.Sum(stat => stat.Ticks + stat.EndedTicks) / TicksPerSecond,
                   tree.Sum(stat => MemoryKb(stat.Id)) / 1024),
        ];
    }

    private static IEnumerable<Stat> Tree(Stat root, ILookup<int, Stat> children) =>
        children[root.Id].SelectMany(child => Tree(child, children)).Prepend(root);

    private static Stat? ReadStat(int id)
    {
        if (ReadText($"/proc/{id}/stat") is not { } text) return null;

        // The name may hold blanks and brackets: fields are counted from behind its last bracket, as proc(5) has them.
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        var endedTicks = id == Environment.ProcessId ? 0 : Field(16) + Field(17);
        return new(id, (int)Field(4), Field(14) + Field(15), endedTicks);

        long Field(int number) => long.Parse(fields[number - 3], CultureInfo.InvariantCulture);
    }

    /// <summary>The share of the process in the pages it uses, so that shared buffers are counted once.</summary>
    private static double MemoryKb(int id)
    {
        var line = Find($"/proc/{id}/smaps_rollup", "Pss:") ?? Find($"/proc/{id}/status", "VmRSS:");
        return line is null ? 0 : double.Parse(
            line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    private static string? Find(string file, string field) =>
        ReadText(file)?.Split('\n').FirstOrDefault(line => line.StartsWith(field, StringComparison.Ordinal))
            ?.Replace('\t', ' ');

    private static string? ReadText(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null; // Ended since it was listed, or not ours to read.
        }
    }

    private sealed record Stat(int Id, int Parent, long Ticks, long EndedTicks);
}
