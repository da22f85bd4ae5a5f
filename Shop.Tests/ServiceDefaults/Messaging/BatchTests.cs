using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>Groups that store a row for each event: what was read together is stored in one transaction.</summary>
public sealed class BatchTests(KernelDatabase databases) : KernelTests(databases)
{
    private Guid? _poison;

    [Fact]
    public async Task Events_that_were_read_together_are_stored_in_one_transaction_in_their_order_and_once()
    {
        var keys = Enumerable.Range(0, 20).Select(_ => Guid.CreateVersion7()).ToArray();
        await PublishAsync([.. keys.Select(key => (key, 1L)), .. keys.Select(key => (key, 2L))]);
        await CopyLastEntryAsync(); // Delivered twice in the same batch.

        await using var reader = await StartReaderAsync();

        await EventuallyAsync(async () => (await EffectsAsync(keys)).Count >= 40, "stored");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        await CopyLastEntryAsync(); // And once more in a later one.
        var after = Guid.CreateVersion7();
        await PublishAsync([(after, 1L)]);
        await EventuallyAsync(async () => (await EffectsAsync(after)).Count == 1, "the next one stored");

        var stored = await EffectsAsync(keys);
        Assert.Equal(40, stored.Count);
        Assert.All(stored.GroupBy(e => e.Key), ofKey => Assert.Equal([1, 2], ofKey.Select(e => e.Version)));
        Assert.Equal(1, await TransactionsAsync(keys));
    }

    [Fact]
    public async Task A_poison_event_in_a_batch_is_parked_with_those_behind_it_and_all_others_are_stored()
    {
        var keys = Enumerable.Range(0, 20).Select(_ => Guid.CreateVersion7()).ToArray();
        var poisoned = keys[7];
        _poison = poisoned;
        await PublishAsync([.. keys.Select(key => (key, 1L)), (poisoned, 2L)]);

        await using var reader = await StartReaderAsync();

        await EventuallyAsync(async () => (await ParkedAsync(poisoned)).Count == 2, "parked");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal(keys.Except([poisoned]).Order(), (await EffectsAsync(keys)).Select(e => e.Key).Order());
        Assert.Equal([3, 0], (await ParkedAsync(poisoned)).Select(parked => parked.Attempts));

        // A later batch finds the key held back, and stores the others together.
        _poison = null;
        var later = Enumerable.Range(0, 10).Select(_ => Guid.CreateVersion7()).ToArray();
        await PublishAsync([(poisoned, 3L), .. later.Select(key => (key, 1L))]);
        await EventuallyAsync(async () => (await EffectsAsync(later)).Count == 10, "the others stored");
        await EventuallyAsync(async () => (await ParkedAsync(poisoned)).Count == 3, "parked behind");
        Assert.Empty(await EffectsAsync(poisoned));
    }

    // The events are on the stream, all of them, before anybody reads.
    private async Task PublishAsync(IReadOnlyList<(Guid Key, long Version)> events)
    {
        await using var process = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>());
        var before = (await SentAsync()).Count;
        await process.Database.TransactAsync(
            tx =>
            {
                foreach (var (key, version) in events) tx.Publish(Completed(key), version);
                return Task.CompletedTask;
            },
            CancellationToken.None);
        await EventuallyAsync(async () => (await SentAsync()).Count == before + events.Count, "published");
    }

    private Task<KernelProcess> StartReaderAsync() => KernelProcess.StartAsync(
        Databases, Prefix,
        builder => builder.AddSubscriptions<KernelDb>(Group, group => group
            .Storing<Envelope>(StoreAsync)
            .On<OrderCompleted>((_, envelope) => envelope)));

    private async Task<int> StoreAsync(Transaction<KernelDb> tx, IReadOnlyList<Envelope> events)
    {
        var stored = await tx.ExecuteAsync(
            """
            insert into effects (event_id, key, version, what)
            select event_id, key, version, 'stored'
              from unnest(@ids, @keys, @versions) with ordinality as event (event_id, key, version, place)
             order by place
            """,
            new
            {
                ids = events.Select(e => e.EventId).ToArray(),
                keys = events.Select(e => e.Key).ToArray(),
                versions = events.Select(e => e.Version).ToArray(),
            });
        return events.Any(e => e.Key == _poison) ? throw new InvalidOperationException("broken") : stored;
    }

    private async Task<long> TransactionsAsync(Guid[] keys)
    {
        const string sql = "select count(distinct xmin::text) from effects where key = any (@keys)";
        return (await KernelDatabase.QueryAsync<long>(Databases.Main, sql, new { keys })).Single();
    }
}
