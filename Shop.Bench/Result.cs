using System.Text.Json;

namespace Shop.Bench;

/// <summary>Orders that were answered with 201, orders that are stored, and units that are held for them.</summary>
internal sealed record Sums(long Told, long Stored, long Held)
{
    public bool Agree => Told == Stored && Stored == Held;
}

/// <summary>What a run found out.</summary>
internal sealed record Result(
    LoadResult WarmUp, LoadResult Load, Sums Sums, double CeilingBefore, double CeilingAfter)
{
    // Every order fits, so a refusal is an error, in the warm-up too.
    public bool Ok => Load.Placed > 0 && Failures(WarmUp) + Failures(Load) == 0 && Sums.Agree;

    private double Ceiling => (CeilingBefore + CeilingAfter) / 2;

    public string Json(string scenario) => JsonSerializer.Serialize(
        new
        {
            Scenario = scenario,
            Ok,
            PerSecond = Math.Round(Load.PerSecond, 1),
            P50Ms = Load.Latencies.PercentileMs(50),
            P95Ms = Load.Latencies.PercentileMs(95),
            P99Ms = Load.Latencies.PercentileMs(99),
            Errors = Load.ErrorCount + WarmUp.ErrorCount,
            Load.ConflictRate,
            CeilingPerSecond = Math.Round(Ceiling, 1),
            Ratio = Math.Round(Load.PerSecond / Ceiling, 2),
        },
        JsonSerializerOptions.Web);

    public void Tell(IReadOnlyList<ProcessUsage> before, IReadOnlyList<ProcessUsage> after)
    {
        var latencies = Load.Latencies;
        Say.Line($"");
        var ratio = Load.PerSecond / Ceiling;
        Say.Line($"{Load.PerSecond:N0} orders/s over {Load.Seconds:F1} s, {ratio:F2} of the ceiling");
        var (p50, p95, p99) = (latencies.PercentileMs(50), latencies.PercentileMs(95), latencies.PercentileMs(99));
        Say.Line($"p50 {p50} ms, p95 {p95} ms, p99 {p99} ms, conflict rate {Load.ConflictRate:P2}");
        foreach (var (kind, count) in WarmUp.Errors.Concat(Load.Errors)) Say.Line($"  error: {count:N0} x {kind}");
        if (WarmUp.Conflicts > 0) Say.Line($"  {WarmUp.Conflicts:N0} conflicts in the warm-up");
        var verdict = Sums.Agree ? "they agree" : "they DIFFER";
        Say.Line($"{Sums.Told:N0} answered with 201, {Sums.Stored:N0} stored, {Sums.Held:N0} units held: {verdict}");
        if (after.Count > 0) TellProcesses(before, after);
        Say.Line($"");
    }

    private void TellProcesses(IReadOnlyList<ProcessUsage> before, IReadOnlyList<ProcessUsage> after)
    {
        var rows =
            from now in after
            join then in before on now.Name equals then.Name
            let cpu = now.CpuSeconds - then.CpuSeconds
            orderby cpu descending
            select (now.Name, Cpu: cpu, now.MemoryMb);
        Say.Line($"");
        Say.Line($"{"process",-12} {"CPU s",8} {"cores",6} {"us/order",9} {"MB",6}");
        var all = 0.0;
        foreach (var (name, cpu, memory) in rows)
        {
            all += cpu;
            Say.Line($"{name,-12} {cpu,8:F2} {cpu / Load.Seconds,6:F2} {PerOrder(cpu),9:F1} {memory,6:F0}");
        }

        Say.Line($"{"all",-12} {all,8:F2} {all / Load.Seconds,6:F2} {PerOrder(all),9:F1}");
        Say.Line($"(bench is the load and, in the same process, the AppHost and the receiver of telemetry)");
    }

    private double PerOrder(double cpuSeconds) => Load.Placed == 0 ? 0 : cpuSeconds * 1e6 / Load.Placed;

    private static long Failures(LoadResult load) => load.ErrorCount + load.Conflicts;
}
