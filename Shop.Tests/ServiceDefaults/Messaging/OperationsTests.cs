using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Recovery;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>What an operator sees of the kernel, and mends.</summary>
public sealed class OperationsTests(KernelDatabase databases) : KernelTests(databases)
{
    private const string Foreign = "not-of-this-shop";

    private bool _broken = true;

    [Fact]
    public async Task A_group_says_whether_somebody_reads_for_it()
    {
        await using var process = await StartAsync();
        var operations = process.Services.GetRequiredService<MessagingOperations>();
        GroupView? reading = null;
        await EventuallyAsync(
            async () => (reading = await GroupAsync(operations, Group)).State == GroupState.Reading, "somebody reads");
        Assert.NotNull(reading?.Reader);

        await Redis.ExecuteAsync("XGROUP", "CREATE", StreamKey, Foreign, "0");
        Assert.Equal(GroupState.Foreign, (await GroupAsync(operations, Foreign)).State);

        // As an operator sees it whose patience with silent readers is shorter than the shop's.
        var impatient = new MessagingOperations(
            [], [.. process.Services.GetServices<IConsumerGroup>()],
            process.Services.GetRequiredService<RedisStreams>(),
            new MessagingOptions { LeaseTakeoverMilliseconds = 0 });
        var stopped = await GroupAsync(impatient, Group);
        Assert.Equal((GroupState.Stopped, null), (stopped.State, stopped.Reader));
    }

    [Fact]
    public async Task A_group_whose_process_is_gone_is_stopped_and_one_that_redis_lost_is_missing()
    {
        await (await StartAsync()).DisposeAsync();
        await using var watching = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>());
        var subscriptions = new Subscriptions<KernelDb>(Group).On<OrderExpired>((e, context) => RecordAsync(context));
        var operations = new MessagingOperations(
            [], [ActivatorUtilities.CreateInstance<ConsumerGroup<KernelDb>>(watching.Services, subscriptions)],
            watching.Services.GetRequiredService<RedisStreams>(), new MessagingOptions());

        await Redis.KeyDeleteAsync(StreamKey);
        Assert.Equal(GroupState.Missing, (await GroupAsync(operations, Group)).State);
        await Redis.ExecuteAsync("XGROUP", "CREATE", StreamKey, Group, "0", "MKSTREAM");
        Assert.Equal(GroupState.Stopped, (await GroupAsync(operations, Group)).State);
    }

    [Fact]
    public async Task A_dry_run_of_all_dead_letters_shows_what_each_key_would_say_and_keeps_nothing()
    {
        await using var process = await StartAsync();
        var operations = process.Services.GetRequiredService<MessagingOperations>();
        Guid[] orders = [Guid.CreateVersion7(), Guid.CreateVersion7()];
        foreach (var order in orders) await process.PublishAsync(Expired(order));
        foreach (var order in orders)
        {
            await EventuallyAsync(async () => (await ParkedAsync(order)).Count == 1, "parked");
        }

        _broken = false;
        var events = new HashSet<Guid>();
        foreach (var order in orders) events.Add(Assert.Single(await ParkedAsync(order)).EventId);

        var dry = (await operations.ReplayAllAsync(dryRun: true, ParkingTests.Admin, CancellationToken.None))
            .Where(replayed => events.Contains(replayed.EventId)) // Other tests of this class park events, too.
            .ToArray();

        Assert.Equal(["Applied", "Applied"], dry.Select(replayed => replayed.Outcome));
        foreach (var order in orders) Assert.Single(await ParkedAsync(order));
        Assert.Empty(await EffectsAsync(orders));

        var replayed = await operations.ReplayAllAsync(dryRun: false, ParkingTests.Admin, CancellationToken.None);
        Assert.Subset(replayed.Select(one => one.EventId).ToHashSet(), events);
        foreach (var order in orders) Assert.Empty(await ParkedAsync(order));
        Assert.Equal(orders.Order(), (await EffectsAsync(orders)).Select(effect => effect.Key).Order());
    }

    [Fact]
    public async Task Depth_age_lag_outcomes_and_recovery_are_measured()
    {
        using var meters = new Measured("Shop.Messaging", RecoveryCounts.MeterName);
        await using var process = await StartAsync();
        var upkeep = process.Services.GetRequiredService<MessagingUpkeep>();
        var (poisoned, good) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await process.PublishAsync(Expired(poisoned));
        await process.PublishAsync(Completed(good));
        await EventuallyAsync(async () => (await ParkedAsync(poisoned)).Count == 1, "parked");
        await EventuallyAsync(async () => (await EffectsAsync(good)).Count == 1, "handled");

        await upkeep.MeasureOutboxesAsync(CancellationToken.None);
        await upkeep.TrimStreamsAsync(CancellationToken.None);
        await RecoveryCounts.AddAsync(process.Database.Source, "tests", new(3, 2, 1), CancellationToken.None);
        await RecoveryCounts.AddAsync(process.Database.Source, "tests", new(1, 1, 0), CancellationToken.None);
        await RecoveryCounts.AddAsync(process.Database.Source, "tests", default, CancellationToken.None);

        // Counted after the commit that shows their rows.
        await EventuallyAsync(() => SeenAsync("shop.messaging.parked", "OrderExpired.v1"), "counted as parked");
        await EventuallyAsync(() => SeenAsync("shop.messaging.handled", "OrderCompleted.v1"), "counted as handled");
        string[] gauges =
        [
            "shop.messaging.outbox.oldest_age", "shop.messaging.outbox.depth", "shop.messaging.lag",
            "shop.messaging.pending",
        ];
        Assert.All(gauges, name => Assert.Contains(meters.Seen, one => one.Name == name && one.Value >= 0));
        Assert.Equal(4, meters.Sum("shop.recovery.found", "tests"));
        Assert.Equal(3, meters.Sum("shop.recovery.recovered", "tests"));
        Assert.Equal(1, meters.Sum("shop.recovery.failed", "tests"));

        var kind = new RecoveryKind("tests", "select now() as since", process.Database.Source);
        var state = await kind.StateAsync(CancellationToken.None);
        Assert.Equal(("tests", 4, 3, 1, 1), (state.Kind, state.Found, state.Recovered, state.Failed, state.Waiting));
        Assert.NotNull(state.LastAt);
        Assert.NotNull(state.Oldest);

        Task<bool> SeenAsync(string name, string type) => Task.FromResult(meters.Seen.Contains((name, 1d, type)));
    }

    private static async Task<GroupView> GroupAsync(MessagingOperations operations, string group) =>
        (await operations.StreamsAsync(CancellationToken.None)).Single(view => view.Stream == Stream)
            .Groups.Single(view => view.Group == group);

    private Task<KernelProcess> StartAsync() => KernelProcess.StartAsync(Databases, Prefix, builder =>
    {
        builder.AddOutboxRelay<KernelDb>();
        builder.AddSubscriptions<KernelDb>(Group, on => on
            .On<OrderExpired>((e, context) => Volatile.Read(ref _broken)
                ? throw new InvalidOperationException("broken")
                : RecordAsync(context))
            .On<OrderCompleted>((e, context) => RecordAsync(context)));
        builder.AddMessagingUpkeep();
    });

    /// <summary>Everything that some meters say, with the type or kind it is about.</summary>
    private sealed class Measured : IDisposable
    {
        private readonly MeterListener _listener = new();

        public Measured(params string[] meters)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (meters.Contains(instrument.Meter.Name)) listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.Start();
        }

        public ConcurrentBag<(string Name, double Value, string About)> Seen { get; } = [];

        public double Sum(string name, string about) =>
            Seen.Where(one => one.Name == name && one.About == about).Sum(one => one.Value);

        public void Dispose() => _listener.Dispose();

        private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var about = "";
            foreach (var (key, tag) in tags)
            {
                if (key is "shop.event.type" or "shop.recovery.kind") about = $"{tag}";
            }

            Seen.Add((instrument.Name, value, about));
        }
    }
}
