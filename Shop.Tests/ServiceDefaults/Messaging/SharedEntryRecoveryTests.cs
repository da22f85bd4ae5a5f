using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>An entry of several events when a reader, a lease, Redis or a command fails in the middle of it.</summary>
public sealed class SharedEntryRecoveryTests(KernelDatabase databases) : EntryTests(databases)
{
    private const string ReaderLease = $"reader:{Group}:{Stream}";

    private static readonly (string, string) AtAnyAge = ("Messaging:ReconcileAgeSeconds", "0");

    private bool _early = true;

    [Fact]
    public async Task The_next_reader_handles_the_rest_of_an_entry_and_repeats_none_of_it()
    {
        var (done, open) = (NewKeys(3), Guid.CreateVersion7());
        await using (var first = await StartAsync(open))
        {
            await SendToBeHandledInPartAsync(done, open, versions: 2);
        }

        Assert.Empty(await EffectsAsync(open));
        _early = false;
        await using var next = await StartAsync(open);

        await EventuallyAsync(async () => (await EffectsAsync(open)).Count == 2, "the rest handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal([1, 2], (await EffectsAsync(open)).Select(effect => effect.Version));
        Assert.Equal(done, (await EffectsAsync(done)).Select(effect => effect.Key).Order());
        Assert.Single(await EntryIdsAsync());
    }

    [Fact]
    public async Task A_reader_that_loses_its_lease_in_the_middle_of_an_entry_leaves_the_rest_to_the_next_one()
    {
        var (done, open, gate) = (NewKeys(3), Guid.CreateVersion7(), new TaskCompletionSource());
        await using var first = await KernelProcess.StartAsync(
            Databases, Prefix,
            builder => builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>(async (e, context) =>
            {
                if (e.OrderId == open) await gate.Task;
                return await RecordAsync(context);
            })));
        await SendToBeHandledInPartAsync(done, open, versions: 2);
        var reader = Assert.Single(await PendingEntriesAsync()).Consumer;
        _early = false;
        await using var second = await StartAsync(open);

        // The first one can't take it back: it waits for its handler.
        await KernelDatabase.ExecuteAsync(
            Databases.Main, "update leases set epoch = epoch + 1, renewed_at = '-infinity' where name = @ReaderLease",
            new { ReaderLease });
        await EventuallyAsync(
            async () => (await PendingEntriesAsync()).All(entry => entry.Consumer != reader),
            "taken over");
        gate.SetResult();

        await EventuallyAsync(async () => (await EffectsAsync(open)).Count == 2, "the rest handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal([1, 2], (await EffectsAsync(open)).Select(effect => effect.Version));
        Assert.Equal(done, (await EffectsAsync(done)).Select(effect => effect.Key).Order());
        Assert.Single(await EntryIdsAsync());
    }

    [Fact]
    public async Task Of_an_entry_under_way_nothing_is_published_again_and_once_it_is_lost_only_what_was_open_is()
    {
        var (done, open) = (NewKeys(3), Guid.CreateVersion7());
        await using var process = await StartAsync(open, AtAnyAge);
        await SendToBeHandledInPartAsync(done, open, versions: 1);

        Assert.Equal(0, await ReconcileAsync(process));
        await DeleteEntryAsync();
        Assert.Equal(1, await ReconcileAsync(process));

        Assert.Equal(open, Assert.Single(await SentAsync()).GetProperty("key").GetGuid());
        Volatile.Write(ref _early, false);
        await EventuallyAsync(async () => (await EffectsAsync(open)).Count == 1, "the open one handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Single(await EffectsAsync(open));
        Assert.Equal(done, (await EffectsAsync(done)).Select(effect => effect.Key).Order());
    }

    [Fact]
    public async Task An_entry_that_waits_to_be_read_is_not_published_again_and_a_lost_one_is_with_all_its_events()
    {
        await using (var schema = await KernelProcess.StartAsync(Databases, Prefix, _ => { }))
        {
            await KernelDatabase.ExecuteAsync(Databases.Main, """
                insert into leases (name, epoch, holder, renewed_at)
                values (@ReaderLease, 1, 'nobody', 'infinity')
                    on conflict (name) do update
                       set epoch = leases.epoch + 1, holder = excluded.holder, renewed_at = excluded.renewed_at
                """, new { ReaderLease });
        }

        var keys = NewKeys(3);
        _early = false;
        await using var process = await StartAsync(open: default, AtAnyAge);
        await EventuallyAsync(IsSubscribedAsync, "subscribed");
        await SendAsync(tx =>
        {
            foreach (var key in keys) tx.Publish(Expired(key), 1);
        });

        Assert.Equal(0, await ReconcileAsync(process)); // Redis does not know the group yet.
        await Redis.ExecuteAsync("XGROUP", "CREATE", StreamKey, Group, "0");
        Assert.Equal(0, await ReconcileAsync(process)); // It has read nothing.
        await Redis.ExecuteAsync("XREADGROUP", "GROUP", Group, "dead", "COUNT", 10, "STREAMS", StreamKey, ">");
        Assert.Equal(0, await ReconcileAsync(process)); // It has handled nothing.
        await DeleteEntryAsync();
        Assert.Equal(3, await ReconcileAsync(process));
        Assert.Equal(0, await ReconcileAsync(process)); // They wait to be read again.

        Assert.Equal(keys, (await SentAsync()).Select(sent => sent.GetProperty("key").GetGuid()).Order());
        Assert.Empty(await EffectsAsync(keys));
        await KernelDatabase.ExecuteAsync(
            Databases.Main, "update leases set renewed_at = '-infinity' where name = @ReaderLease",
            new { ReaderLease });
        await EventuallyAsync(async () => (await EffectsAsync(keys)).Count == 3, "handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal(keys, (await EffectsAsync(keys)).Select(effect => effect.Key).Order());
    }

    [Fact]
    public async Task A_round_of_which_only_the_first_entry_could_be_added_is_sent_again_and_handled_once_in_order()
    {
        const int Versions = 40;
        var keys = NewKeys(3); // 120 events are three entries, and each key has events in all of them.
        _early = false;
        // After this id there is one more, so the second entry of the round is refused.
        var last = ulong.MaxValue.ToString(CultureInfo.InvariantCulture);
        await Redis.ExecuteAsync("XADD", StreamKey, $"{last}-{ulong.MaxValue - 1}", "what", "not an event");
        await CommitAsync(tx =>
        {
            for (var version = 1; version <= Versions; version++)
            {
                foreach (var key in keys) tx.Publish(Expired(key), version);
            }
        });
        await using var relay = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>(), Unhurried);
        await using var reader = await StartAsync(open: default);

        await EventuallyAsync(async () => (await EffectsAsync(keys)).Count == Wire.MaxEvents, "the first one handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal([$"{last}-{ulong.MaxValue - 1}", $"{last}-{last}"], await EntryIdsAsync());
        await Redis.KeyDeleteAsync(StreamKey);

        await EventuallyAsync(async () => (await EffectsAsync(keys)).Count == keys.Length * Versions, "all handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal(keys.Length * Versions, (await EffectsAsync(keys)).Count);
        foreach (var key in keys)
        {
            Assert.Equal(
                Enumerable.Range(1, Versions).Select(version => (long)version),
                (await EffectsAsync(key)).Select(effect => effect.Version));
        }

        Assert.Equal(3, (await EntryIdsAsync()).Count);
    }

    /// <param name="open">The key whose events come too early for as long as the test says so.</param>
    private Task<KernelProcess> StartAsync(Guid open, params (string, string)[] settings) => KernelProcess.StartAsync(
        Databases, Prefix,
        builder =>
        {
            builder.Services.AddSingleton<IOutboxSource, OutboxSource<KernelDb>>(); // Its relay is started apart.
            builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>((e, context) =>
                e.OrderId == open && Volatile.Read(ref _early)
                    ? Task.FromResult(Verdict.NotYet)
                    : RecordAsync(context)));
        },
        settings);

    /// <summary>An entry of which all is handled but the open key's events.</summary>
    private async Task SendToBeHandledInPartAsync(Guid[] done, Guid open, int versions)
    {
        await SendAsync(tx =>
        {
            foreach (var key in done) tx.Publish(Expired(key), 1);
            for (var version = 1; version <= versions; version++) tx.Publish(Expired(open), version);
        });
        await EventuallyAsync(async () => (await EffectsAsync(done)).Count == done.Length, "handled in part");
    }

    private static Task<int> ReconcileAsync(KernelProcess process) =>
        process.Services.GetRequiredService<Reconciler>().RunAsync(CancellationToken.None);

    private async Task DeleteEntryAsync() => Assert.Equal(
        1, (long)await Redis.ExecuteAsync("XDEL", StreamKey, Assert.Single(await EntryIdsAsync())));

    private async Task<bool> IsSubscribedAsync() => (await KernelDatabase.QueryAsync<bool>(
        Databases.Main, "select exists (select from subscriptions where consumer_group = @Group)",
        new { Group }))[0];
}
