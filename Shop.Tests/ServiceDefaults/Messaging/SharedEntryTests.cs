using System.Text.Json;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>Events that share an entry end one by one; the entry is acknowledged when all of them have.</summary>
public sealed class SharedEntryTests(KernelDatabase databases) : EntryTests(databases)
{
    private bool _early = true;
    private int _earlyTries;
    private Guid? _poison;

    [Fact]
    public async Task An_event_that_is_too_early_keeps_its_entry_pending_while_the_others_are_handled_at_once()
    {
        var (early, others) = (Guid.CreateVersion7(), NewKeys(5));
        await using var process = await StartAsync(on => on.On<OrderExpired>(async (e, context) =>
        {
            await RecordAsync(context);
            if (e.OrderId != early) return Verdict.Applied;
            Interlocked.Increment(ref _earlyTries);
            return Volatile.Read(ref _early) ? Verdict.NotYet : Verdict.Applied;
        }));

        await SendAsync(tx =>
        {
            tx.Publish(Expired(early), 1);
            foreach (var key in others) tx.Publish(Expired(key), 1);
            tx.Publish(Expired(early), 2);
        });

        await EventuallyAsync(async () => (await EffectsAsync(others)).Count == 5, "the others handled");
        var before = Volatile.Read(ref _earlyTries);
        await EventuallyAsync(() => Task.FromResult(Volatile.Read(ref _earlyTries) > before + 5), "tried again");
        Assert.Equal(1, await PendingAsync());
        Assert.Empty(await EffectsAsync(early));

        Volatile.Write(ref _early, false);
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal([1, 2], (await EffectsAsync(early)).Select(effect => effect.Version));
        Assert.Equal(others, (await EffectsAsync(others)).Select(effect => effect.Key).Order());
        Assert.Single(await EntryIdsAsync());
    }

    [Fact]
    public async Task A_group_handles_what_it_wants_of_an_entry_and_acknowledges_the_entry()
    {
        await using var process = await StartAsync(on => on.On<OrderExpired>((e, context) => RecordAsync(context)));
        var keys = NewKeys(4);

        await SendAsync(tx =>
        {
            tx.Publish(Completed(keys[0]), 1);
            tx.Publish(Expired(keys[1]), 1);
            tx.Publish(Completed(keys[1]), 2);
            tx.Publish(Expired(keys[2]), 1);
            tx.Publish(Completed(keys[2]), 2);
        });
        await SendAsync(tx =>
        {
            foreach (var key in keys) tx.Publish(Completed(key), 3);
        });
        await SendAsync(tx => tx.Publish(Expired(keys[3]), 4));

        // The last one tells that the entry of which nothing is wanted has been read.
        await EventuallyAsync(async () => (await EffectsAsync(keys[3])).Count == 1, "the last one handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal(keys[1..], (await EffectsAsync(keys)).Select(effect => effect.Key).Order());
        Assert.Equal(3, (await EntryIdsAsync()).Count);
        var sent = await SentAsync();
        Assert.Equal(10, sent.Count);
        Assert.Equal(
            IdsOf(sent.Where(one => one.GetProperty("type").GetString() == "OrderExpired.v1")),
            await KernelDatabase.QueryAsync<Guid>(
                Databases.Main, "select event_id from inbox where event_id = any (@ids) order by event_id",
                new { ids = IdsOf(sent) }));
        Assert.Empty(await ParkedAsync(keys));
    }

    [Fact]
    public async Task A_poison_event_is_parked_with_its_key_and_the_others_of_its_entry_pass()
    {
        var (poisoned, others) = (Guid.CreateVersion7(), NewKeys(4));
        await using var process = await StartAsync(on => on
            .On<OrderExpired>(async (e, context) =>
            {
                await RecordAsync(context);
                return e.OrderId == poisoned ? throw new InvalidOperationException("broken") : Verdict.Applied;
            })
            .On<OrderCompleted>((e, context) => RecordAsync(context)));

        await SendAsync(tx =>
        {
            foreach (var key in others[..2]) tx.Publish(Expired(key), 1);
            tx.Publish(Expired(poisoned), 1);
            tx.Publish(Completed(poisoned), 2);
            foreach (var key in others[2..]) tx.Publish(Completed(key), 1);
        });

        await EventuallyAsync(async () => (await ParkedAsync(poisoned)).Count == 2, "parked");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal(
            [("OrderExpired.v1", 1L, 3), ("OrderCompleted.v1", 2L, 0)],
            (await ParkedAsync(poisoned)).Select(row => (row.Type, row.Version, row.Attempts)));
        Assert.Empty(await EffectsAsync(poisoned));
        Assert.Equal(others, (await EffectsAsync(others)).Select(effect => effect.Key).Order());
        Assert.Single(await EntryIdsAsync());
    }

    [Fact]
    public async Task An_entry_that_was_stored_in_part_is_acknowledged_with_the_rest_of_it()
    {
        var (poisoned, others, later) = (Guid.CreateVersion7(), NewKeys(4), Guid.CreateVersion7());
        _poison = poisoned;
        await using var process = await StartAsync(on => on
            .Storing<Envelope>(StoreAsync)
            .On<OrderCompleted>((_, envelope) => envelope));
        await SendAsync(tx => tx.Publish(Completed(poisoned), 1));
        await EventuallyAsync(async () => (await ParkedAsync(poisoned)).Count == 1, "parked");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");

        // Nothing can be parked now, so that the one which has to be stays open.
        await using var connection = await KernelDatabase.OpenAsync(Databases.Main);
        await using var transaction = await connection.BeginTransactionAsync();
        await using var locking = connection.CreateCommand();
        locking.CommandText = "lock table parked_events in exclusive mode";
        await locking.ExecuteNonQueryAsync();
        await SendAsync(tx =>
        {
            foreach (var key in others[..2]) tx.Publish(Completed(key), 1);
            tx.Publish(Completed(poisoned), 2);
            foreach (var key in others[2..]) tx.Publish(Completed(key), 1);
        });
        await EventuallyAsync(async () => (await EffectsAsync(others)).Count == 4, "the others stored");
        await SendAsync(tx => tx.Publish(Completed(later), 1));

        // A reader acknowledges what it can before it reads on, so the later one tells that it left the entry pending.
        await EventuallyAsync(async () => (await EffectsAsync(later)).Count == 1, "the later one handled");
        var shared = (await EntryIdsAsync())[1];
        Assert.Contains(shared, (await PendingEntriesAsync()).Select(entry => entry.Id));
        await transaction.RollbackAsync();
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal([1, 2], (await ParkedAsync(poisoned)).Select(parked => parked.Version));
        Assert.Equal(others, (await EffectsAsync(others)).Select(effect => effect.Key).Order());
        Assert.Empty(await EffectsAsync(poisoned));
    }

    [Fact]
    public async Task What_is_not_an_event_keeps_none_of_its_entry_from_being_handled()
    {
        var keys = NewKeys(2);
        await SendAsync(tx =>
        {
            foreach (var key in keys) tx.Publish(Expired(key), 1);
        });
        var sent = (await SentAsync()).Select(one => one.GetRawText()).ToArray();
        await Redis.ExecuteAsync("XDEL", StreamKey, Assert.Single(await EntryIdsAsync()));
        await Redis.ExecuteAsync(
            "XADD", StreamKey, "*", "types", "OrderExpired.v1",
            "events", $$"""[{{sent[0]}}, null, {"id": "x"}, 7, {{sent[1]}}]""");
        await Redis.ExecuteAsync("XADD", StreamKey, "*", "types", "OrderExpired.v1", "events", "[");
        await Redis.ExecuteAsync("XADD", StreamKey, "*", "types", "OrderExpired.v1");

        await using var process = await StartAsync(on => on.On<OrderExpired>((e, context) => RecordAsync(context)));

        await EventuallyAsync(async () => (await EffectsAsync(keys)).Count == 2, "handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal(keys, (await EffectsAsync(keys)).Select(effect => effect.Key).Order());
    }

    private Task<KernelProcess> StartAsync(Action<Subscriptions<KernelDb>> subscribe) =>
        KernelProcess.StartAsync(Databases, Prefix, builder => builder.AddSubscriptions(Group, subscribe));

    private static Guid[] IdsOf(IEnumerable<JsonElement> events) =>
        [.. events.Select(one => one.GetProperty("id").GetGuid()).Order()];

    private async Task<IReadOnlyList<Parked>> ParkedAsync(Guid[] keys)
    {
        var parked = new List<Parked>();
        foreach (var key in keys) parked.AddRange(await ParkedAsync(key));
        return parked;
    }

    private async Task<int> StoreAsync(Transaction<KernelDb> tx, IReadOnlyList<Envelope> events)
    {
        if (events.Any(e => e.Key == _poison)) throw new InvalidOperationException("broken");
        return await tx.ExecuteAsync(
            """
            insert into effects (event_id, key, version, what)
            select event_id, key, version, 'stored'
              from unnest(@ids, @keys, @versions) as event (event_id, key, version)
            """,
            new
            {
                ids = events.Select(e => e.EventId).ToArray(),
                keys = events.Select(e => e.Key).ToArray(),
                versions = events.Select(e => e.Version).ToArray(),
            });
    }
}
