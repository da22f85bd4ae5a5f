using Dapper;
using Npgsql;
using OpenTelemetry;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Reads an outbox in the order of its ids, up to the id below which nothing can appear any more. Of one aggregate, ids
/// rise in commit order, because the row is written while the aggregate's row is locked; so this order is safe, and
/// commit order or transaction ids are not (docs/adr/0010-relay-order.md). Changes nothing.
/// </summary>
internal sealed class OutboxReader(NpgsqlConnection connection)
{
    // Two statements, two snapshots: whoever drew an id up to last_id had its xid before that, so it is below the next
    // xid that the second statement finds, and it has ended once the oldest running xid has reached that.
    // A snapshot's end is not the next xid: it is one past the last that ended, and newer ones may be running. What
    // lies between the two is the age of that end, by the server's counter.
    private const string HorizonSql = """
        select case when is_called then last_value else last_value - 1 end from outbox_id_seq;
        select pg_snapshot_xmin(s)::text::bigint as oldest_running,
               pg_snapshot_xmax(s)::text::bigint + age(pg_snapshot_xmax(s)::xid) as next
          from pg_current_snapshot() as s;
        """;

    private const string RowsSql = """
        select id, slot, event_id, stream, type, key, version, occurred_at, request_id, traceparent, payload::text
          from outbox
         where id > @after and id <= @upTo
         order by id
         limit @limit
        """;

    private (long LastId, long NextXid)? _horizon;

    /// <summary>True while ids have been drawn whose transactions may still run.</summary>
    public bool HasUndecided => _horizon is not null;

    /// <summary>
    /// The plan must be a walk along the primary key, also where statistics are old: anything else reads or sorts all
    /// that waits, for each batch. This connection does nothing else.
    /// </summary>
    public Task PrepareAsync(CancellationToken ct) =>
        connection.ExecuteAsync(new CommandDefinition(
            "set enable_seqscan = off; set enable_bitmapscan = off; set enable_sort = off", cancellationToken: ct));

    /// <summary>
    /// The id up to which everything is committed or never will be; at least <paramref name="after"/>.
    /// </summary>
    public async Task<long> DecidedAsync(long after, CancellationToken ct)
    {
        // Looks come many times a second, and are no part of any trace.
        using var quiet = SuppressInstrumentationScope.Begin();
        using var answer = await connection.QueryMultipleAsync(
            new CommandDefinition(HorizonSql, cancellationToken: ct));
        var lastId = await answer.ReadSingleAsync<long>();
        var (oldestRunning, next) = await answer.ReadSingleAsync<(long OldestRunning, long Next)>();

        var decided = after;
        if (_horizon is { } horizon && horizon.NextXid <= oldestRunning)
        {
            decided = horizon.LastId;
            _horizon = null;
        }

        if (oldestRunning == next) decided = lastId;
        else if (lastId > decided) _horizon ??= (lastId, next);
        if (decided >= (_horizon?.LastId ?? 0)) _horizon = null;
        return Math.Max(after, decided);
    }

    public async Task<IReadOnlyList<OutboxRecord>> ReadAsync(long after, long upTo, int limit, CancellationToken ct)
    {
        using var quiet = SuppressInstrumentationScope.Begin();
        var records = new List<OutboxRecord>();
        await using var command = new NpgsqlCommand(RowsSql, connection);
        command.Parameters.AddWithValue("after", after);
        command.Parameters.AddWithValue("upTo", upTo);
        command.Parameters.AddWithValue("limit", limit);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct)) records.Add(OutboxRecord.From(reader));
        return records;
    }
}

/// <summary>A row of the outbox with its place in it.</summary>
internal sealed record OutboxRecord(long Id, OutboxRow Row)
{
    /// <summary>Columns in the order id, slot, event_id, stream, type, key, version, occurred_at, request_id,
    /// traceparent, payload.</summary>
    public static OutboxRecord From(NpgsqlDataReader reader) => new(
        reader.GetInt64(0),
        new(
            reader.GetGuid(2), reader.GetFieldValue<DateTimeOffset>(1), reader.GetString(3), reader.GetString(4),
            reader.GetGuid(5), reader.GetInt64(6), reader.GetFieldValue<DateTimeOffset>(7),
            reader.IsDBNull(8) ? null : reader.GetString(8), reader.IsDBNull(9) ? null : reader.GetString(9),
            reader.GetString(10)));
}
