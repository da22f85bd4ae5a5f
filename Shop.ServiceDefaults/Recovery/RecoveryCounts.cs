using System.Diagnostics.Metrics;
using Dapper;
using Npgsql;

namespace Shop.ServiceDefaults.Recovery;

/// <summary>What one turn of a sweep has done with what it found.</summary>
/// <param name="Found">Taken up; one that could not be finished yet counts again when it is taken up again.</param>
/// <param name="Recovered">Finished or undone.</param>
/// <param name="Failed">An error kept it as it was; the next turn tries again.</param>
public readonly record struct RecoveryTurn(long Found, long Recovered, long Failed)
{
    /// <param name="results">One for each that was taken up: true, finished; false, not yet; null, it failed.</param>
    public static RecoveryTurn Of(IReadOnlyCollection<bool?> results) => new(
        results.Count, results.Count(result => result == true), results.Count(result => result is null));
}

/// <summary>Adds up what the recovery sweeps do: as measures of this process and in the sweep's own database.</summary>
public static class RecoveryCounts
{
    public const string MeterName = "Shop.Recovery";

    private const string AddSql = """
        insert into recovery_counts as so_far (kind, found, recovered, failed, last_at)
        values (@kind, @Found, @Recovered, @Failed, now())
            on conflict (kind) do update
           set found = so_far.found + excluded.found, recovered = so_far.recovered + excluded.recovered,
               failed = so_far.failed + excluded.failed, last_at = excluded.last_at
        """;

    private static readonly Meter Meter = new(MeterName);

    private static readonly Counter<long> FoundCounter = Meter.CreateCounter<long>(
        "shop.recovery.found", "{item}", "Half-done work that a sweep took up.");

    private static readonly Counter<long> RecoveredCounter = Meter.CreateCounter<long>(
        "shop.recovery.recovered", "{item}", "Half-done work that a sweep finished or undid.");

    private static readonly Counter<long> FailedCounter = Meter.CreateCounter<long>(
        "shop.recovery.failed", "{item}", "Half-done work that a sweep could not look after because of an error.");

    /// <summary>Notes a turn; one that found nothing leaves no trace. Dying before it costs only the count.</summary>
    public static async Task AddAsync(NpgsqlDataSource source, string kind, RecoveryTurn turn, CancellationToken ct)
    {
        if (turn.Found == 0) return;

        var tag = new KeyValuePair<string, object?>("shop.recovery.kind", kind);
        FoundCounter.Add(turn.Found, tag);
        RecoveredCounter.Add(turn.Recovered, tag);
        FailedCounter.Add(turn.Failed, tag);
        await using var connection = await source.OpenConnectionAsync(ct);
        await connection.ExecuteAsync(new CommandDefinition(
            AddSql, new { kind, turn.Found, turn.Recovered, turn.Failed }, cancellationToken: ct));
    }
}
