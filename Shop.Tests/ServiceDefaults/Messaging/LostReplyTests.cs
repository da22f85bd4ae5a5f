using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>Redis did what it was told and the answer was lost.</summary>
public sealed class LostReplyTests(KernelDatabase databases) : KernelTests(databases)
{
    [Theory]
    [InlineData("EVAL")] // The relay's XADD.
    [InlineData("XACK")]
    public async Task What_was_done_and_not_answered_is_handled_once_and_in_order(string command)
    {
        await using var redis = new ReplyLosingRedis(Databases.Redis);
        await using var process = await KernelProcess.StartAsync(
            Databases, Prefix,
            builder =>
            {
                builder.AddOutboxRelay<KernelDb>();
                builder.AddSubscriptions<KernelDb>(
                    Group, on => on.On<OrderExpired>((e, context) => RecordAsync(context)));
            },
            ("ConnectionStrings:cache", redis.ConnectionString));
        var (before, order, other) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await process.PublishAsync(Expired(before));
        await EventuallyAsync(async () => (await EffectsAsync(before)).Count == 1, "handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");

        redis.LoseNextReplyTo(command);
        for (var version = 1; version <= 5; version++) await process.PublishAsync(Expired(order), version);
        await process.PublishAsync(Expired(other));

        await EventuallyAsync(() => Task.FromResult(redis.Lost == 1), "lost");
        await EventuallyAsync(async () => (await EffectsAsync(other)).Count == 1, "the other one handled");
        await EventuallyAsync(async () => (await EffectsAsync(order)).Count == 5, "all handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal([1, 2, 3, 4, 5], (await EffectsAsync(order)).Select(effect => effect.Version));
        Assert.Single(await EffectsAsync(other));
        Assert.Empty(await ParkedAsync(order));
    }
}
