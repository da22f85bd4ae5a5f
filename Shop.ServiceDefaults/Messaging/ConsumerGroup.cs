using System.Security.Claims;
using Dapper;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Messaging;

/// <inheritdoc cref="IConsumerGroup"/>
internal sealed class ConsumerGroup<TDb>(
    Subscriptions<TDb> group, Database<TDb> database, DatabaseOwner<TDb> owner, IServiceScopeFactory scopes,
    ILogger<ConsumerGroup<TDb>> log) : IConsumerGroup
    where TDb : DbContext
{
    private const string OwedSql =
        "select type, stream, since_slot, until_slot from subscriptions where consumer_group = @Name";

    private const string CountSql = """
        select slot, type, count(*)
          from (select slot, type
                  from inbox
                 where consumer_group = @Name and slot >= @from and slot < @until and event_id < @olderThan
                 union all
                select slot, type
                  from parked_events
                 where consumer_group = @Name and slot >= @from and slot < @until and event_id < @olderThan) as had
         group by slot, type
        """;

    private const string MissingSql = """
        select wanted.event_id
          from unnest(@eventIds) as wanted (event_id)
         where not exists (
                   select from inbox
                    where consumer_group = @Name and slot = @slot and inbox.event_id = wanted.event_id)
           and not exists (
                   select from parked_events
                    where consumer_group = @Name and parked_events.event_id = wanted.event_id)
        """;

    private const string CountAppliedSql = """
        select slot, type, count(*)
          from inbox
         where consumer_group = @Name and event_id < @olderThan
         group by slot, type
        """;

    private const string UnappliedSql = """
        select wanted.event_id, parked.event_id is not null as parked
          from unnest(@eventIds) as wanted (event_id)
          left join parked_events parked
                 on parked.consumer_group = @Name and parked.event_id = wanted.event_id
         where not exists (
                   select from inbox
                    where consumer_group = @Name and slot = @slot and inbox.event_id = wanted.event_id)
         order by wanted.event_id
        """;

    private const string ReadersSql = """
        select substr(name, length(@prefix) + 1) as stream, holder,
               case when isfinite(renewed_at)
                    then extract(epoch from clock_timestamp() - renewed_at)::float8 end as silent_seconds
          from leases
         where starts_with(name, @prefix)
        """;

    private const string ParkedSql = """
        select id, consumer_group, event_id, stream, type, key, version, occurred_at, error, attempts, trace_id,
               parked_at, payload::text
          from parked_events
         where consumer_group = @Name and id > @after
         order by id
         limit @limit
        """;

    private readonly ParkedReplay<TDb> _replay = new(group, database, scopes, log);

    public string Name => group.Name;

    public IReadOnlyCollection<string> Streams { get; } =
        [.. group.ByType.Values.Select(subscription => subscription.Stream).Distinct()];

    public NpgsqlDataSource Source => database.Source;

    public Task<GroupProgress?> ProgressAsync(CancellationToken ct) => OnAsync(
        async connection =>
        {
            var whole = await connection.ExecuteScalarAsync<DateTimeOffset?>(Command(
                "select whole_until from group_progress where consumer_group = @Name", new { Name }, ct));
            if (whole is null) return null;

            var owed = await connection.QueryAsync<OwedRow>(Command(OwedSql, new { Name }, ct));
            return new GroupProgress(
                whole.Value,
                owed.ToDictionary(row => row.Type, row => new Owed(row.Stream, row.SinceSlot, row.UntilSlot)));
        },
        ct);

    public Task SetWholeUntilAsync(DateTimeOffset slot, CancellationToken ct) => OnAsync(
        connection => connection.ExecuteAsync(Command(
            "update group_progress set whole_until = @slot where consumer_group = @Name and whole_until < @slot",
            new { Name, slot }, ct)),
        ct);

    public Task<IReadOnlyList<SlotCount>> CountAsync(
        DateTimeOffset from, DateTimeOffset until, EventIdBound olderThan, CancellationToken ct) =>
        database.QueryAsync<SlotCount>(CountSql, new { Name, from, until, olderThan = olderThan.Value }, ct);

    public Task<IReadOnlyList<Guid>> MissingAsync(
        DateTimeOffset slot, IReadOnlyCollection<Guid> eventIds, CancellationToken ct) =>
        database.QueryAsync<Guid>(MissingSql, new { Name, slot, eventIds = eventIds.ToArray() }, ct);

    public Task<IReadOnlyList<SlotCount>> CountAppliedAsync(EventIdBound olderThan, CancellationToken ct) =>
        database.QueryAsync<SlotCount>(CountAppliedSql, new { Name, olderThan = olderThan.Value }, ct);

    public Task<IReadOnlyList<Unapplied>> UnappliedAsync(
        DateTimeOffset slot, IReadOnlyCollection<Guid> eventIds, CancellationToken ct) =>
        database.QueryAsync<Unapplied>(UnappliedSql, new { Name, slot, eventIds = eventIds.ToArray() }, ct);

    public Task<IReadOnlyList<Reader>> ReadersAsync(CancellationToken ct) =>
        database.QueryAsync<Reader>(ReadersSql, new { prefix = StreamReader<TDb>.LeasePrefix(Name) }, ct);

    public async Task<int> DropBeforeAsync(DateTimeOffset limit, CancellationToken ct)
    {
        await using var connection = await owner.Source.OpenConnectionAsync(ct);
        var parked = await connection.ExecuteScalarAsync<DateTimeOffset?>(
            Command("select min(slot) from parked_events", null, ct));
        var kept = parked < limit ? parked.Value : limit;
        var dropped = 0;
        foreach (var (name, end) in await Partitions.ListAsync(connection, "inbox", ct))
        {
            if (end > kept) break;
            await Partitions.DropAsync(connection, name, ct);
            dropped++;
        }

        await connection.ExecuteAsync(Command(
            "delete from inbox_default where slot < @kept",
            new { kept = Slots.Floor(kept, Partitions.Width) }, ct));
        return dropped;
    }

    public Task<IReadOnlyList<ParkedEvent>> ListParkedAsync(long after, int limit, CancellationToken ct) =>
        database.QueryAsync<ParkedEvent>(ParkedSql, new { Name, after, limit }, ct);

    public Task<IReadOnlyList<Replayed>> ReplayAsync(
        long id, bool dryRun, ClaimsPrincipal actor, CancellationToken ct) =>
        _replay.RunAsync(id, dryRun, actor, ct);

    private async Task<T> OnAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken ct)
    {
        await using var connection = await database.Source.OpenConnectionAsync(ct);
        return await work(connection);
    }

    private static CommandDefinition Command(string sql, object? parameters, CancellationToken ct) =>
        new(sql, parameters, cancellationToken: ct);

    private sealed record OwedRow(string Type, string Stream, DateTimeOffset SinceSlot, DateTimeOffset? UntilSlot);
}
