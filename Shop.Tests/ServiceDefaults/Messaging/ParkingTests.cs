using System.Security.Claims;
using Microsoft.Extensions.DependencyInjection;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;
using Shop.Tests.ServiceDefaults.Http;

namespace Shop.Tests.ServiceDefaults.Messaging;

public sealed class ParkingTests(KernelDatabase databases) : KernelTests(databases)
{
    private volatile bool _broken = true;

    internal static readonly ClaimsPrincipal Admin =
        new(new ClaimsIdentity([new("sub", "018f0000-0000-7000-8000-000000000001")], "test"));

    [Fact]
    public async Task A_poison_event_is_parked_with_those_of_its_key_behind_it_and_others_pass()
    {
        await using var process = await StartAsync();
        var (poisoned, healthy) = (Guid.CreateVersion7(), Guid.CreateVersion7());

        await process.PublishAsync(Expired(poisoned), version: 1);
        await process.PublishAsync(Completed(poisoned), version: 2);
        await process.PublishAsync(Completed(healthy), version: 1);

        await EventuallyAsync(async () => (await EffectsAsync(healthy)).Count == 1, "the other one passed");
        await EventuallyAsync(async () => (await ParkedAsync(poisoned)).Count == 2, "parked");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        var parked = await ParkedAsync(poisoned);
        Assert.Equal(
            [("OrderExpired.v1", 1L, 3), ("OrderCompleted.v1", 2L, 0)],
            parked.Select(row => (row.Type, row.Version, row.Attempts)));
        Assert.Contains("broken", parked[0].Error, StringComparison.Ordinal);
        Assert.Empty(await EffectsAsync(poisoned));
        Assert.Single(await EffectsAsync(healthy));
    }

    [Fact]
    public async Task A_replay_handles_a_keys_parked_events_in_order_and_lets_later_ones_pass_again()
    {
        await using var process = await StartAsync();
        var operations = process.Services.GetRequiredService<MessagingOperations>();
        var order = Guid.CreateVersion7();
        await process.PublishAsync(Expired(order), version: 1);
        await process.PublishAsync(Completed(order), version: 2);
        await EventuallyAsync(async () => (await ParkedAsync(order)).Count == 2, "parked");
        var letter = (await operations.DeadLettersAsync(null, 100, CancellationToken.None))!
            .First(candidate => candidate.Key == order);

        var failed = await operations.ReplayAsync(letter.Id, dryRun: false, Admin, CancellationToken.None);
        Assert.Equal(["Failed"], failed!.Select(replayed => replayed.Outcome));
        Assert.Equal(2, (await ParkedAsync(order)).Count);

        _broken = false;
        var dry = await operations.ReplayAsync(letter.Id, dryRun: true, Admin, CancellationToken.None);
        Assert.Equal(["Applied"], dry!.Select(replayed => replayed.Outcome));
        Assert.Equal((2, 0), ((await ParkedAsync(order)).Count, (await EffectsAsync(order)).Count));

        var replayed = await operations.ReplayAsync(letter.Id, dryRun: false, Admin, CancellationToken.None);
        Assert.Equal(["Applied", "Applied"], replayed!.Select(item => item.Outcome));
        await process.PublishAsync(Completed(order), version: 3);
        await EventuallyAsync(async () => (await EffectsAsync(order)).Count == 3, "the later one passed");
        Assert.Equal([1, 2, 3], (await EffectsAsync(order)).Select(effect => effect.Version));
        Assert.Empty(await ParkedAsync(order));
    }

    [Fact]
    public async Task A_parked_event_delivered_again_stays_parked_once()
    {
        await using var process = await StartAsync();
        var (poisoned, later) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await process.PublishAsync(Expired(poisoned));
        await EventuallyAsync(async () => (await ParkedAsync(poisoned)).Count == 1, "parked");

        await CopyLastEntryAsync();
        await process.PublishAsync(Completed(later));

        await EventuallyAsync(async () => (await EffectsAsync(later)).Count == 1, "the later one handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Single(await ParkedAsync(poisoned));
        Assert.Empty(await EffectsAsync(poisoned));
    }

    [Fact]
    public async Task An_event_that_is_too_early_for_too_long_is_parked_and_handled_once_its_time_has_come()
    {
        var (early, tries, clock) = (true, 0, new ShiftedClock());
        await using var process = await KernelProcess.StartAsync(
            Databases, Prefix,
            builder =>
            {
                builder.Services.AddSingleton<TimeProvider>(clock);
                builder.AddOutboxRelay<KernelDb>();
                builder.AddSubscriptions<KernelDb>(Group, on => on
                    .On<OrderExpired>((e, context) =>
                    {
                        Interlocked.Increment(ref tries);
                        return Volatile.Read(ref early) ? Task.FromResult(Verdict.NotYet) : RecordAsync(context);
                    })
                    .On<OrderCompleted>((e, context) => throw new InvalidOperationException("broken")));
            },
            ("Messaging:NotYetLimitSeconds", "600"));
        var operations = process.Services.GetRequiredService<MessagingOperations>();
        var (order, poisoned) = (Guid.CreateVersion7(), Guid.CreateVersion7());

        await process.PublishAsync(Expired(order));
        await process.PublishAsync(Completed(poisoned));

        await EventuallyAsync(async () => (await ParkedAsync(poisoned)).Count == 1, "the broken one parked");
        await EventuallyAsync(() => Task.FromResult(Volatile.Read(ref tries) > 5), "tried more than what fails is");
        Assert.Empty(await ParkedAsync(order));
        clock.Advance(TimeSpan.FromSeconds(601));
        await EventuallyAsync(async () => (await ParkedAsync(order)).Count == 1, "parked");
        var parked = Assert.Single(await ParkedAsync(order));
        Assert.True(parked.Attempts > 5, $"Limited by time, but parked after {parked.Attempts} tries.");
        Assert.Empty(await InboxAsync(parked.EventId));

        await operations.ReplayTooEarlyAsync(CancellationToken.None);
        Assert.Single(await ParkedAsync(order));
        Volatile.Write(ref early, false);
        await operations.ReplayTooEarlyAsync(CancellationToken.None);
        Assert.Empty(await ParkedAsync(order));
        Assert.Single(await EffectsAsync(order));
        Assert.Equal(3, Assert.Single(await ParkedAsync(poisoned)).Attempts); // Nobody tried it again.
    }

    private Task<KernelProcess> StartAsync() => KernelProcess.StartAsync(Databases, Prefix, builder =>
    {
        builder.AddOutboxRelay<KernelDb>();
        builder.AddSubscriptions<KernelDb>(Group, on => on
            .On<OrderExpired>(async (e, context) =>
            {
                await RecordAsync(context);
                return _broken ? throw new InvalidOperationException("broken") : Verdict.Applied;
            })
            .On<OrderCompleted>((e, context) => RecordAsync(context)));
    });
}
