using Dapper;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Messaging;

/// <inheritdoc cref="IOutboxSource"/>
internal sealed class OutboxSource<TDb>(
    Database<TDb> database, DatabaseOwner<TDb> owner, MessagingOptions options, TimeProvider clock) : IOutboxSource
    where TDb : DbContext
{
    private const int MaxCounted = 10_000;

    private const string CountSql = """
        select slot, type, count(*)
          from outbox
         where slot >= @from and slot < @until and event_id < @olderThan
         group by slot, type
         order by slot, type
        """;

    private const string ListSql = """
        select event_id
          from outbox
         where slot = @slot and type = @type and event_id > @after and event_id < @olderThan and id <= @publishedUpTo
         order by event_id
         limit @limit
        """;

    private const string ReadSql = """
        select id, slot, event_id, stream, type, key, version, occurred_at, request_id, traceparent, payload::text
          from outbox
         where slot = @slot and event_id = any (@eventIds)
         order by id
        """;

    // Sorted, though it only counts: without an order the limit is met by reading the partitions from their beginning.
    private const string StateSql = """
        with lease as (
            select holder, epoch, last_id from leases where name = @name)
        select holder, coalesce(epoch, 0) as epoch, coalesce(last_id, 0) as last_id,
               (select count(*)
                  from (select
                          from outbox
                         where id > coalesce(last_id, 0)
                         order by id
                         limit @MaxCounted) as counted) as waiting,
               (select occurred_at
                  from outbox
                 where id > coalesce(last_id, 0)
                 order by id
                 limit 1) as oldest_waiting
          from (values (1)) as one (row)
          left join lease on true
        """;

    public string Name => typeof(TDb).Name;

    public Task<long> PublishedUpToAsync(CancellationToken ct) => OnAsync(connection =>
        connection.ExecuteScalarAsync<long>(Command(
            "select coalesce(max(last_id), 0) from leases where name = @name",
            new { name = OutboxRelayService<TDb>.LeaseName }, ct)), ct);

    public Task<IReadOnlyList<SlotCount>> CountAsync(
        DateTimeOffset from, DateTimeOffset until, EventIdBound olderThan, CancellationToken ct) =>
        database.QueryAsync<SlotCount>(CountSql, new { from, until, olderThan = olderThan.Value }, ct);

    public Task<IReadOnlyList<Guid>> ListAsync(
        SlotCount slot, EventIdBound olderThan, long publishedUpTo, Guid after, int limit, CancellationToken ct) =>
        database.QueryAsync<Guid>(
            ListSql, new { slot.Slot, slot.Type, olderThan = olderThan.Value, publishedUpTo, after, limit }, ct);

    public Task<IReadOnlyList<OutboxRecord>> ReadAsync(
        DateTimeOffset slot, IReadOnlyCollection<Guid> eventIds, CancellationToken ct) =>
        OnAsync<IReadOnlyList<OutboxRecord>>(
            async connection =>
            {
                var records = new List<OutboxRecord>();
                await using var command = new NpgsqlCommand(ReadSql, connection);
                command.Parameters.AddWithValue("slot", slot);
                command.Parameters.AddWithValue("eventIds", eventIds.ToArray());
                await using var reader = await command.ExecuteReaderAsync(ct);
                while (await reader.ReadAsync(ct)) records.Add(OutboxRecord.From(reader));
                return records;
            },
            ct);

    public async Task<OutboxState> StateAsync(CancellationToken ct)
    {
        var parameters = new { name = OutboxRelayService<TDb>.LeaseName, MaxCounted };
        var row = await database.QuerySingleOrDefaultAsync<StateRow>(StateSql, parameters, ct)
            ?? throw new InvalidOperationException("A statement that always has a row had none.");
        return new(Name, row.Holder, row.Epoch, row.LastId, row.Waiting, row.OldestWaiting);
    }

    public async Task<int> DropBeforeAsync(DateTimeOffset limit, CancellationToken ct)
    {
        var publishedUpTo = await PublishedUpToAsync(ct);
        var dropped = 0;
        await using var connection = await owner.Source.OpenConnectionAsync(ct);
        foreach (var (name, end) in await Partitions.ListAsync(connection, "outbox", ct))
        {
            if (end > limit) break;
            var last = await connection.ExecuteScalarAsync<long?>(Command($"select max(id) from {name}", null, ct));
            if (last > publishedUpTo) break;
            await Partitions.DropAsync(connection, name, ct);
            dropped++;
        }

        await connection.ExecuteAsync(Command(
            "delete from outbox_default where slot < @limit and id <= @publishedUpTo",
            new { limit = Slots.Floor(limit, Partitions.Width), publishedUpTo }, ct));
        return dropped;
    }

    public Task<DateTimeOffset> OldestKeptAsync(CancellationToken ct) => OnAsync(
        async connection =>
        {
            var partitions = await Partitions.ListAsync(connection, "outbox", ct);
            var oldest = partitions.Count == 0 ? clock.GetUtcNow() : partitions[0].End - Partitions.Width;
            var inDefault = await connection.ExecuteScalarAsync<DateTimeOffset?>(
                Command("select min(slot) from outbox_default", null, ct));
            return inDefault < oldest ? inDefault.Value : oldest;
        },
        ct);

    public Task<bool> TryRunAloneAsync(string name, Func<CancellationToken, Task> work, CancellationToken ct) =>
        new Lease(database.Source, name, Instance.NewName(), options, clock)
            .TryRunAsync((_, held) => work(held), ct);

    private async Task<T> OnAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken ct)
    {
        await using var connection = await database.Source.OpenConnectionAsync(ct);
        return await work(connection);
    }

    private static CommandDefinition Command(string sql, object? parameters, CancellationToken ct) =>
        new(sql, parameters, cancellationToken: ct);

    private sealed record StateRow(
        string? Holder, long Epoch, long LastId, long Waiting, DateTimeOffset? OldestWaiting);
}
