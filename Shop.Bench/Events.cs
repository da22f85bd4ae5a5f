using System.Diagnostics;
using Npgsql;

namespace Shop.Bench;

/// <summary>An event type and one of the groups that handle it.</summary>
/// <param name="Database">Where its outbox and the group's inbox are: both in the same one.</param>
internal sealed record Handling(string Database, string Type, string Group);

/// <summary>How events fared, by the shop's own books: outboxes and inboxes.</summary>
internal static class Events
{
    // A group's inbox row is written by the transaction of the effect. Its commit and the commit of the event itself
    // are moments that the server took down, by one clock and without anybody asking meanwhile.
    private const string DelaysSql = """
        select (extract(epoch from pg_xact_commit_timestamp(i.xmin) - pg_xact_commit_timestamp(o.xid::xid))
                * 1000000)::bigint
          from outbox o
          left join inbox i on i.consumer_group = $2 and i.slot = o.slot and i.event_id = o.event_id
         where o.type = $1 and o.id > $3
        """;

    private const string StoredSql = "select type, count(*) from outbox group by type";

    private const string HandledSql = """
        select type, coalesce(events, 0)
          from subscriptions
          left join (select consumer_group, type, count(*) as events
                       from inbox
                      group by consumer_group, type) as handled using (consumer_group, type)
         where until_slot is null
        """;

    /// <summary>The id of the newest event.</summary>
    public static Task<long> LastAsync(string database, CancellationToken ct) =>
        Databases.CountAsync(database, "select coalesce(max(id), 0) from outbox", ct);

    /// <summary>From commit to commit, for each event after this one; and how many are not handled.</summary>
    public static async Task<(Latencies Delays, long Unhandled)> DelaysAsync(
        Handling handling, long after, CancellationToken ct)
    {
        await using var connection = await Databases.OpenAsync(handling.Database, ct);
        await using var command = new NpgsqlCommand(DelaysSql, connection)
        {
            Parameters =
            {
                new() { Value = handling.Type }, new() { Value = handling.Group }, new() { Value = after },
            },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        var (delays, unhandled) = (new Latencies(), 0L);
        while (await reader.ReadAsync(ct))
        {
            if (reader.IsDBNull(0)) unhandled++;
            else delays.AddMicroseconds(reader.GetInt64(0));
        }

        return (delays, unhandled);
    }

    /// <summary>Waits until every event is handled by every group that subscribes to it.</summary>
    public static async Task DrainAsync(IReadOnlyList<string> databases, int seconds, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        using var pause = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (var owed = await OwedAsync(databases, ct); owed > 0; owed = await OwedAsync(databases, ct))
        {
            if (Stopwatch.GetElapsedTime(started).TotalSeconds > seconds)
            {
                throw new BenchException($"After {seconds} s events are still unhandled, {owed} by all groups.");
            }

            await pause.WaitForNextTickAsync(ct);
        }
    }

    private static async Task<long> OwedAsync(IReadOnlyList<string> databases, CancellationToken ct)
    {
        // Inboxes first: what comes in between is then owed, and looked at again.
        var handled = new List<(string Type, long Count)>();
        foreach (var database in databases) handled.AddRange(await ReadAsync(database, HandledSql, ct));
        var stored = new Dictionary<string, long>();
        foreach (var database in databases)
        {
            foreach (var (type, count) in await ReadAsync(database, StoredSql, ct))
            {
                stored[type] = stored.GetValueOrDefault(type) + count;
            }
        }

        return handled.Sum(group => Math.Max(0, stored.GetValueOrDefault(group.Type) - group.Count));
    }

    private static async Task<List<(string Type, long Count)>> ReadAsync(
        string database, string sql, CancellationToken ct)
    {
        await using var connection = await Databases.OpenAsync(database, ct);
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var counts = new List<(string, long)>();
        while (await reader.ReadAsync(ct)) counts.Add((reader.GetString(0), reader.GetInt64(1)));
        return counts;
    }
}
