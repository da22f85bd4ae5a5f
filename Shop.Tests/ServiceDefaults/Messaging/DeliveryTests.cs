using System.Collections.Concurrent;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Messaging;

public sealed class DeliveryTests(KernelDatabase databases) : KernelTests(databases)
{
    [Fact]
    public async Task An_event_goes_from_its_transaction_to_its_handler_once()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, builder =>
        {
            builder.AddOutboxRelay<KernelDb>();
            builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>((e, context) => RecordAsync(context)));
        });
        var order = Guid.CreateVersion7();

        await process.PublishAsync(Expired(order), version: 7);

        await EventuallyAsync(async () => (await EffectsAsync(order)).Count > 0, "handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        var effect = Assert.Single(await EffectsAsync(order));
        Assert.Equal((order, 7L, "handled"), (effect.Key, effect.Version, effect.What));
        Assert.Equal([("OrderExpired.v1", effect.EventId)], await InboxAsync(effect.EventId));
    }

    [Fact]
    public async Task An_event_delivered_twice_is_handled_once()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, builder =>
        {
            builder.AddOutboxRelay<KernelDb>();
            builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>((e, context) => RecordAsync(context)));
        });
        var (first, last) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await process.PublishAsync(Expired(first));
        await EventuallyAsync(async () => (await EffectsAsync(first)).Count == 1, "handled");

        await CopyLastEntryAsync();
        await process.PublishAsync(Expired(last));

        // The later event tells that the copy before it is done with.
        await EventuallyAsync(async () => (await EffectsAsync(last)).Count == 1, "the later one handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Single(await EffectsAsync(first));
    }

    [Fact]
    public async Task An_event_that_comes_after_a_later_one_of_its_key_is_the_handlers_to_judge()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, builder =>
        {
            builder.AddOutboxRelay<KernelDb>();
            builder.AddSubscriptions<KernelDb>(Group, on => on
                .On<OrderExpired>((e, context) => RecordAsync(context))
                .On<OrderCompleted>(async (e, context) =>
                {
                    await RecordAsync(context, "compensated");
                    return Verdict.TooLate;
                }));
        });
        var order = Guid.CreateVersion7();

        await process.PublishAsync(Expired(order), version: 2);
        await process.PublishAsync(Completed(order), version: 1);

        await EventuallyAsync(async () => (await EffectsAsync(order)).Count == 2, "both handled");
        Assert.Equal(["handled", "compensated"], (await EffectsAsync(order)).Select(effect => effect.What));
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
    }

    [Fact]
    public async Task An_event_that_came_too_early_is_handled_once_its_time_has_come()
    {
        var tries = 0;
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, builder =>
        {
            builder.AddOutboxRelay<KernelDb>();
            builder.AddSubscriptions<KernelDb>(Group, on => on
                .On<OrderExpired>(async (e, context) =>
                {
                    await RecordAsync(context);
                    return Interlocked.Increment(ref tries) < 6 ? Verdict.NotYet : Verdict.Applied;
                })
                .On<OrderCompleted>((e, context) => RecordAsync(context, "behind")));
        });
        var (early, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());

        await process.PublishAsync(Expired(early));
        await process.PublishAsync(Completed(early), version: 2);
        await process.PublishAsync(Completed(other));

        await EventuallyAsync(async () => (await EffectsAsync(early)).Count == 2, "handled");
        Assert.Equal(["handled", "behind"], (await EffectsAsync(early)).Select(effect => effect.What));
        Assert.Equal(6, tries);
        await EventuallyAsync(async () => (await EffectsAsync(other)).Count == 1, "the other one handled");
        Assert.Empty(await ParkedAsync(early));
    }

    [Fact]
    public async Task Events_of_one_key_keep_their_order_while_other_keys_pass()
    {
        var order = new ConcurrentQueue<(Guid Key, long Version)>();
        var gate = new TaskCompletionSource();
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, builder =>
        {
            builder.AddOutboxRelay<KernelDb>();
            builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>(async (e, context) =>
            {
                if (context.Envelope.Version == 1) await gate.Task;
                order.Enqueue((context.Envelope.Key, context.Envelope.Version));
                return await RecordAsync(context);
            }));
        });
        var (held, free) = (Guid.CreateVersion7(), Guid.CreateVersion7());

        for (var version = 1; version <= 5; version++) await process.PublishAsync(Expired(held), version);
        await process.PublishAsync(Expired(free), version: 9);

        await EventuallyAsync(async () => (await EffectsAsync(free)).Count == 1, "the other key passed");
        Assert.Empty(await EffectsAsync(held));
        gate.SetResult();
        await EventuallyAsync(async () => (await EffectsAsync(held)).Count == 5, "the held key went on");
        // The first one's transaction may have met its idle limit on a slow machine, and been run again.
        var versions = order.Where(entry => entry.Key == held).Select(entry => entry.Version).ToList();
        Assert.Equal([1, 2, 3, 4, 5], versions.SkipWhile((version, i) => version == 1 && versions[i + 1] == 1));
    }

    [Fact]
    public async Task Work_after_the_commit_runs_once_and_its_failure_is_not_the_events()
    {
        var runs = 0;
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, builder =>
        {
            builder.AddOutboxRelay<KernelDb>();
            builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>((e, context) =>
            {
                context.AfterCommit(async ct =>
                {
                    Assert.Single(await EffectsAsync(e.OrderId));
                    Interlocked.Increment(ref runs);
                    throw new InvalidOperationException("The processor is away.");
                });
                return RecordAsync(context);
            }));
        });
        var order = Guid.CreateVersion7();

        await process.PublishAsync(Expired(order));

        await EventuallyAsync(() => Task.FromResult(runs == 1), "ran");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Single(await EffectsAsync(order));
        Assert.Empty(await ParkedAsync(order));
    }

    [Theory]
    [InlineData("what", "not an event")]
    [InlineData("types", "OrderExpired.v1")]
    [InlineData("types", "OrderExpired.v1", "events", "[{")]
    [InlineData("types", "OrderExpired.v1", "events", "null")]
    [InlineData("types", "OrderExpired.v1", "events", "[null]")]
    [InlineData("types", "OrderExpired.v1", "events", "[1]")]
    [InlineData("types", "OrderExpired.v1", "events", """[{"type":"OrderExpired.v1","key":1}]""")]
    [InlineData("events", """[{"type":null}]""")]
    public async Task An_event_that_nobody_subscribed_to_or_can_read_is_acknowledged(params string[] unreadable)
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, builder =>
        {
            builder.AddOutboxRelay<KernelDb>();
            builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>((e, context) => RecordAsync(context)));
        });
        var order = Guid.CreateVersion7();

        await process.PublishAsync(Completed(order));
        await Redis.ExecuteAsync("XADD", [StreamKey, "*", .. unreadable]);
        await process.PublishAsync(Expired(order), version: 2);

        await EventuallyAsync(async () => (await EffectsAsync(order)).Count == 1, "handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
    }
}
