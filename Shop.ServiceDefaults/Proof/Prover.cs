using System.Collections.Concurrent;
using Npgsql;
using Shop.ServiceDefaults.Http;

namespace Shop.ServiceDefaults.Proof;

/// <summary>
/// Looks at every rule. What may only be on its way is read again, by its id, until it has arrived or the grace time
/// is over. So is a side that did not answer.
/// </summary>
public sealed class Prover(IEnumerable<IProofRule> rules, ProofOptions options, TimeProvider clock) : IDisposable
{
    private const int MaxOffenders = 20;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private readonly IProofRule[] _rules = [.. rules.OrderBy(rule => rule.Name, StringComparer.Ordinal)];

    // One run at a time in a process: a second one would only take the connections of the first.
    private readonly SemaphoreSlim _alone = new(1, 1);

    public IReadOnlyList<IProofRule> Rules => _rules;

    /// <param name="parallel">Rules that are read at the same time.</param>
    public async Task<ProofReport> RunAsync(int parallel, CancellationToken ct)
    {
        await _alone.WaitAsync(ct);
        try
        {
            var (at, started) = (clock.GetUtcNow(), clock.GetTimestamp());
            var results = new ConcurrentDictionary<IProofRule, Result>();
            await EachAsync(_rules, parallel, async rule => results[rule] = await FindAsync(rule, ct), ct);
            await SettleAsync(results, parallel, ct);
            ProofReport.Rule[] reports = [.. _rules.Select(rule => Report(rule, results[rule]))];
            return new(reports.All(rule => rule.Holds), at, clock.GetElapsedTime(started).TotalSeconds, reports);
        }
        finally
        {
            _alone.Release();
        }
    }

    public void Dispose() => _alone.Dispose();

    private async Task<Result> FindAsync(IProofRule rule, CancellationToken ct)
    {
        var started = clock.GetTimestamp();
        try
        {
            var finding = await rule.FindAsync(ct);
            return new(finding.Checked, finding.Offending, [.. finding.Suspects], Seconds(), null);
        }
        catch (Exception e) when (IsUnanswered(e, ct))
        {
            return new(0, 0, [], Seconds(), e.Message);
        }

        double Seconds() => clock.GetElapsedTime(started).TotalSeconds;
    }

    private async Task SettleAsync(
        ConcurrentDictionary<IProofRule, Result> results, int parallel, CancellationToken ct)
    {
        var started = clock.GetTimestamp();
        var pause = FirstPause;
        while (true)
        {
            IProofRule[] open = [.. _rules.Where(rule => IsOpen(rule, results[rule]))];
            var left = options.Grace - clock.GetElapsedTime(started);
            if (open.Length == 0 || left <= TimeSpan.Zero) return;

            // A timer counts whole milliseconds: the last pause is rather a little longer than the grace time.
            var rest = TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds));
            await Task.Delay(pause < rest ? pause : rest, clock, ct);
            await EachAsync(
                open, parallel, async rule => results[rule] = await AgainAsync(rule, results[rule], ct), ct);
            if (pause < LongestPause) pause *= 2;
        }
    }

    /// <summary>
    /// A side did not answer, or something may settle. More suspects than are kept are no delay: they offend at once.
    /// </summary>
    private static bool IsOpen(IProofRule rule, Result result) =>
        result.Error is not null
        || (rule.Settles && result.Offending > 0 && result.Offending <= result.Suspects.Length);

    private async Task<Result> AgainAsync(IProofRule rule, Result result, CancellationToken ct)
    {
        if (result.Offending == 0) return await FindAsync(rule, ct); // Nothing could be read at all.

        try
        {
            var again = await rule.ReadAgainAsync([.. result.Suspects.Select(suspect => suspect.Id)], ct);
            // Other facts mean that it moves.
            var same = result.Suspects.Intersect(again).ToArray();
            return result with { Offending = same.Length, Suspects = same, Error = null };
        }
        catch (Exception e) when (IsUnanswered(e, ct))
        {
            return result with { Error = e.Message };
        }
    }

    private ProofReport.Rule Report(IProofRule rule, Result result)
    {
        var shown = result.Suspects.Take(MaxOffenders).ToArray();
        var isEmpty = result.Checked == 0 && options.EmptyIsRed;
        return new(
            rule.Name, rule.Promise, result is { Offending: 0, Error: null } && !isEmpty, result.Checked,
            [.. shown.Select(suspect => suspect.Id)], result.Offending, [.. shown.Select(suspect => suspect.Facts)],
            result.Seconds, result.Error ?? (isEmpty ? "There was nothing to check." : null));
    }

    private static Task EachAsync(
        IProofRule[] some, int parallel, Func<IProofRule, Task> work, CancellationToken ct) =>
        Parallel.ForEachAsync(
            some, new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = ct },
            async (rule, _) => await work(rule));

    // A side that does not answer, or not in its order: said in the report, and the other rules are still looked at.
    private static bool IsUnanswered(Exception e, CancellationToken ct) =>
        !ct.IsCancellationRequested
        && e is NpgsqlException or TimeoutException or ServiceUnavailableException or InvalidOperationException
            or OperationCanceledException;

    private sealed record Result(long Checked, long Offending, Suspect[] Suspects, double Seconds, string? Error);
}
