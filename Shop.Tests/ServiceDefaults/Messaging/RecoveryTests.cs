using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Scheduling;
using StackExchange.Redis;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>What a reader that died, a paused holder of a lease, or a Redis that lost data leave behind.</summary>
public sealed class RecoveryTests(KernelDatabase databases) : KernelTests(databases)
{
    private static readonly (string, string)[] QuickReconciling =
    [
        ("Messaging:ReconcileAgeSeconds", "0.2"), ("Messaging:ReconcileIntervalSeconds", "0.2"),
    ];

    [Fact]
    public async Task Entries_of_a_dead_reader_are_claimed_and_what_it_had_committed_is_not_done_again()
    {
        var (done, open) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await using (var relay = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>()))
        {
            await relay.PublishAsync(Expired(done));
            await relay.PublishAsync(Expired(open));
            await EventuallyAsync(async () => (await SentAsync()).Count == 2, "sent");
        }

        // A reader took both, committed the first and died before its XACK.
        await Redis.ExecuteAsync("XGROUP", "CREATE", StreamKey, Group, "0");
        await Redis.ExecuteAsync("XREADGROUP", "GROUP", Group, "dead", "COUNT", 10, "STREAMS", StreamKey, ">");
        await KernelDatabase.ExecuteAsync(Databases.Main, """
            insert into inbox (consumer_group, slot, event_id, type)
            select @Group, slot, event_id, type from outbox where key = @done
            """, new { Group, done });

        await using var next = await KernelProcess.StartAsync(Databases, Prefix, RelayAndHandler);

        await EventuallyAsync(async () => (await EffectsAsync(open)).Count == 1, "the open one handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Empty(await EffectsAsync(done));
        await EventuallyAsync(async () => !(await ConsumersAsync()).Contains("dead"), "the dead one forgotten");
    }

    [Fact]
    public async Task A_lost_commit_is_found_again_and_not_repeated()
    {
        await using var proxy = new CommitLosingProxy(Databases.Main);
        var asked = 0;
        await using var consumer = await KernelProcess.StartAsync(
            Databases, Prefix,
            builder =>
            {
                builder.AddOutboxRelay<KernelDb>();
                builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>((e, context) =>
                {
                    if (Interlocked.Increment(ref asked) == 1) proxy.LoseNextCommit();
                    return RecordAsync(context);
                }));
            },
            ("ConnectionStrings:kerneldb", proxy.ConnectionString));
        await using var publisher = await KernelProcess.StartAsync(Databases, Prefix, _ => { });
        var order = Guid.CreateVersion7();

        await publisher.PublishAsync(Expired(order));

        await EventuallyAsync(async () => proxy.Lost == 1 && await PendingAsync() == 0, "acknowledged");
        Assert.Single(await EffectsAsync(order));
        Assert.Equal(1, asked);
        Assert.Empty(await ParkedAsync(order));
    }

    [Fact]
    public async Task A_lease_of_a_silent_holder_is_taken_over_and_the_holder_finds_it_gone()
    {
        await using var process = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>());
        // What is not free yet is asked for with patience: a pause of the machine would make the holder a silent one.
        var patient = new MessagingOptions { LeaseTakeoverMilliseconds = 60_000 };
        var hasty = process.Services.GetRequiredService<MessagingOptions>();

        Assert.Equal(1, await TryAcquireAsync("silent", patient));
        Assert.Null(await TryAcquireAsync("next", patient));
        var epoch = default(long?);
        await EventuallyAsync(async () => (epoch = await TryAcquireAsync("next", hasty)) is not null, "taken over");

        Assert.Equal(2, epoch);
        Assert.Null(await TryAcquireAsync("silent", patient));

        Task<long?> TryAcquireAsync(string holder, MessagingOptions options) =>
            new Lease(process.Database.Source, "test", holder, options, TimeProvider.System)
                .TryAcquireAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Work_under_a_lease_ends_when_the_lease_is_taken()
    {
        await using var process = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>());
        var options = process.Services.GetRequiredService<MessagingOptions>();
        var lease = new Lease(process.Database.Source, "taken", "first", options, TimeProvider.System);

        var ran = await lease.TryRunAsync(
            async (epoch, held) =>
            {
                await KernelDatabase.ExecuteAsync(
                    Databases.Main, "update leases set epoch = epoch + 1, holder = 'other' where name = 'taken'");
                await Task.Delay(Timeout.Infinite, held);
            },
            CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60));

        Assert.True(ran);
        Assert.Equal(["other"], await KernelDatabase.QueryAsync<string>(
            Databases.Main, "select holder from leases where name = 'taken' and renewed_at > '-infinity'"));
    }

    [Fact]
    public async Task A_stream_that_redis_lost_is_filled_again_with_what_was_not_handled()
    {
        var (handled, lost, later) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await using (var first = await KernelProcess.StartAsync(Databases, Prefix, RelayAndHandler))
        {
            await first.PublishAsync(Expired(handled));
            await EventuallyAsync(async () => (await EffectsAsync(handled)).Count == 1, "handled");
        }

        await using (var relay = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>()))
        {
            await relay.PublishAsync(Expired(lost));
            await EventuallyAsync(async () => (await SentAsync()).Count == 2, "sent");
        }

        await Redis.KeyDeleteAsync(StreamKey);
        await using var next = await KernelProcess.StartAsync(
            Databases, Prefix,
            builder =>
            {
                RelayAndHandler(builder);
                builder.AddMessagingUpkeep();
                builder.AddScheduler();
            },
            QuickReconciling);

        await EventuallyAsync(async () => (await EffectsAsync(lost)).Count == 1, "found again");
        await next.PublishAsync(Expired(later));
        await EventuallyAsync(async () => (await EffectsAsync(later)).Count == 1, "went on");
        Assert.Single(await EffectsAsync(handled));
        Assert.Single(await EffectsAsync(lost));
    }

    [Fact]
    public async Task A_stream_that_is_lost_under_a_running_reader_is_noticed()
    {
        await using var process = await KernelProcess.StartAsync(
            Databases, Prefix,
            builder =>
            {
                RelayAndHandler(builder);
                builder.AddMessagingUpkeep();
            },
            QuickReconciling);
        var (before, after) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await process.PublishAsync(Expired(before));
        await EventuallyAsync(async () => (await EffectsAsync(before)).Count == 1, "handled");

        await Redis.KeyDeleteAsync(StreamKey);
        await process.PublishAsync(Expired(after));

        await EventuallyAsync(async () => (await EffectsAsync(after)).Count == 1, "handled on the new stream");
        Assert.Single(await EffectsAsync(before));
    }

    [Fact]
    public async Task An_event_under_way_is_not_published_again()
    {
        var gate = new TaskCompletionSource();
        await using var process = await KernelProcess.StartAsync(
            Databases, Prefix,
            builder =>
            {
                builder.AddOutboxRelay<KernelDb>();
                builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>(async (e, context) =>
                {
                    await gate.Task;
                    return await RecordAsync(context);
                }));
                builder.AddMessagingUpkeep();
            },
            QuickReconciling);
        var order = Guid.CreateVersion7();
        await process.PublishAsync(Expired(order));
        await EventuallyAsync(
            async () => await Redis.KeyExistsAsync(StreamKey) && await PendingAsync() == 1, "under way");
        await Task.Delay(300);

        var reconciler = process.Services.GetRequiredService<Reconciler>();
        Assert.Equal(0, await reconciler.RunAsync(CancellationToken.None));
        gate.SetResult();
        await EventuallyAsync(async () => (await EffectsAsync(order)).Count == 1, "handled");
    }

    private void RelayAndHandler(IHostApplicationBuilder builder)
    {
        builder.AddOutboxRelay<KernelDb>();
        builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>((e, context) => RecordAsync(context)));
    }

    private async Task<IReadOnlyList<string>> ConsumersAsync() =>
    [
        .. from consumer in (RedisResult[])(await Redis.ExecuteAsync("XINFO", "CONSUMERS", StreamKey, Group))!
           select (string)((RedisResult[])consumer!)[1]!,
    ];
}
