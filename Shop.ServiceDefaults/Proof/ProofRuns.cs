using System.Text.Json;
using Dapper;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Messaging;

namespace Shop.ServiceDefaults.Proof;

/// <summary>
/// The proof in the background. One process at a time runs it and keeps what it has shown in
/// <typeparamref name="TDb"/>, where all processes find it.
/// </summary>
internal sealed partial class ProofRuns<TDb>(
    Database<TDb> database, Prover prover, ProofOptions options, MessagingOptions messaging, TimeProvider clock,
    ILogger<ProofRuns<TDb>> log)
    where TDb : DbContext
{
    private const string LeaseName = "proof";

    private const string IsDueSql = """
        select not exists (
            select from proof_runs
             where finished_at > now() - make_interval(
                       secs => greatest(@IntervalSeconds * 0.9, seconds * @PausePerRunSecond)))
        """;

    private const string KeepSql = """
        insert into proof_runs (finished_at, seconds, holds, report)
        values (now(), @Seconds, @Holds, @json::jsonb)
            on conflict (only_one) do update
           set finished_at = excluded.finished_at, seconds = excluded.seconds, holds = excluded.holds,
               report = excluded.report
        """;

    /// <summary>Runs the proof if it is due and no other process does.</summary>
    public Task RunAsync(CancellationToken ct) =>
        new Lease(database.Source, LeaseName, Instance.NewName(), messaging, clock)
            .TryRunAsync((_, held) => RunIfDueAsync(held), ct);

    private async Task RunIfDueAsync(CancellationToken ct)
    {
        var due = await database.TransactAsync(
            tx => tx.QuerySingleOrDefaultAsync<bool>(
                IsDueSql, new { options.IntervalSeconds, options.PausePerRunSecond }), ct);
        if (!due) return;

        var report = await prover.RunAsync(parallel: 1, ct);
        var json = JsonSerializer.Serialize(report, ShopJson.Options);
        // Dying before this commit: another process runs it at its next tick.
        await database.TransactAsync(tx => tx.ExecuteAsync(KeepSql, new { report.Seconds, report.Holds, json }), ct);
        foreach (var rule in report.Rules.Where(rule => !rule.Holds))
        {
            DoesNotHold(log, rule.Name, rule.Offending, string.Join(", ", rule.Offenders), rule.Error);
        }
    }

    [LoggerMessage(LogLevel.Error, "The rule {Rule} does not hold: {Offending} offenders ({Offenders}) {Error}")]
    private static partial void DoesNotHold(
        ILogger log, string rule, long offending, string offenders, string? error);
}

/// <summary>Unhealthy while the latest run has shown a rule that does not hold; healthy before the first run.</summary>
internal sealed class ProofCheck<TDb>(DatabaseSource<TDb> database) : IHealthCheck
    where TDb : DbContext
{
    private const string BrokenSql = """
        select rule ->> 'name'
          from proof_runs, jsonb_array_elements(report -> 'rules') as rule
         where not (rule ->> 'holds')::boolean
        """;

    public async Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
        var broken = await connection.QueryAsync<string>(
            new CommandDefinition(BrokenSql, cancellationToken: cancellationToken));
        return string.Join(", ", broken) is { Length: > 0 } names
            ? HealthCheckResult.Unhealthy(names)
            : HealthCheckResult.Healthy();
    }
}
