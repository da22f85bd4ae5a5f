using System.Security.Claims;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>Which slots a run looks at; what it finds and sends again is in <see cref="RecoveryTests"/>.</summary>
public sealed class ReconcilerTests
{
    private static readonly DateTimeOffset Ten = new(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);

    private readonly Clock _clock = new();
    private readonly Group _group = new() { WholeUntil = Ten.AddMinutes(8) };
    private readonly Source _source = new();
    private readonly Reconciler _reconciler;

    public ReconcilerTests() => _reconciler = new(
        [_source], [_group], positions: null!, publisher: null!,
        new MessagingOptions { ReconcileAgeSeconds = 30, SlotClosedAfterSeconds = 120 }, _clock,
        NullLogger<Reconciler>.Instance);

    [Fact]
    public async Task A_slot_is_counted_until_it_closes()
    {
        await RunAsync(minute: 10, second: 40);
        await RunAsync(minute: 11, second: 5); // The slot of 10:08 has closed.
        await RunAsync(minute: 11, second: 10);

        Assert.Equal([(8, 11), (8, 11), (9, 11)], _source.Counted);
        Assert.Equal(Ten.AddMinutes(9), _group.WholeUntil);
    }

    [Fact]
    public async Task A_slot_of_which_nothing_is_due_yet_is_not_counted()
    {
        await RunAsync(minute: 10, second: 20);
        await RunAsync(minute: 10, second: 31);

        Assert.Equal([(8, 10), (8, 11)], _source.Counted);
    }

    private Task RunAsync(int minute, int second)
    {
        _clock.Now = Ten.AddMinutes(minute).AddSeconds(second);
        return _reconciler.RunAsync(CancellationToken.None);
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }

    /// <summary>An outbox with one event in each slot.</summary>
    private sealed class Source : IOutboxSource
    {
        public string Name => "outbox";

        /// <summary>The minutes of the slots, the last exclusive.</summary>
        public List<(int From, int Until)> Counted { get; } = [];

        public Task<IReadOnlyList<SlotCount>> CountAsync(
            DateTimeOffset from, DateTimeOffset until, EventIdBound olderThan, CancellationToken ct)
        {
            Counted.Add((from.Minute, until.Minute));
            return OneInEachAsync(from, until);
        }

        public Task<bool> TryRunAloneAsync(string name, Func<CancellationToken, Task> work, CancellationToken ct) =>
            RunAsync(work, ct);

        private static async Task<bool> RunAsync(Func<CancellationToken, Task> work, CancellationToken ct)
        {
            await work(ct);
            return true;
        }

        public Task<long> PublishedUpToAsync(CancellationToken ct) => Task.FromResult(0L);

        public Task<IReadOnlyList<Guid>> ListAsync(
            SlotCount slot, EventIdBound olderThan, long publishedUpTo, Guid after, int limit, CancellationToken ct) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<OutboxRecord>> ReadAsync(
            DateTimeOffset slot, IReadOnlyCollection<Guid> eventIds, CancellationToken ct) =>
            throw new NotSupportedException();

        public Task<OutboxState> StateAsync(CancellationToken ct) => throw new NotSupportedException();

        public Task<int> DropBeforeAsync(DateTimeOffset limit, CancellationToken ct) =>
            throw new NotSupportedException();

        public Task<DateTimeOffset> OldestKeptAsync(CancellationToken ct) => throw new NotSupportedException();
    }

    /// <summary>A group that has handled everything.</summary>
    private sealed class Group : IConsumerGroup
    {
        public DateTimeOffset WholeUntil { get; set; }

        public string Name => "group";

        public IReadOnlyCollection<string> Streams => ["order-events"];

        public NpgsqlDataSource Source => throw new NotSupportedException();

        public Task<GroupProgress?> ProgressAsync(CancellationToken ct) => Task.FromResult<GroupProgress?>(new(
            WholeUntil,
            new Dictionary<string, Owed> { ["type"] = new("order-events", DateTimeOffset.MinValue, null) }));

        public Task SetWholeUntilAsync(DateTimeOffset slot, CancellationToken ct)
        {
            WholeUntil = slot;
            return Task.CompletedTask;
        }

        public Task<IReadOnlyList<SlotCount>> CountAsync(
            DateTimeOffset from, DateTimeOffset until, EventIdBound olderThan, CancellationToken ct) =>
            OneInEachAsync(from, until);

        public Task<IReadOnlyList<Guid>> MissingAsync(
            DateTimeOffset slot, IReadOnlyCollection<Guid> eventIds, CancellationToken ct) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<SlotCount>> CountAppliedAsync(EventIdBound olderThan, CancellationToken ct) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<Unapplied>> UnappliedAsync(
            DateTimeOffset slot, IReadOnlyCollection<Guid> eventIds, CancellationToken ct) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<Reader>> ReadersAsync(CancellationToken ct) => throw new NotSupportedException();

        public Task<int> DropBeforeAsync(DateTimeOffset limit, CancellationToken ct) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<ParkedEvent>> ListParkedAsync(long after, int limit, CancellationToken ct) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<Replayed>> ReplayAsync(
            long id, bool dryRun, ClaimsPrincipal actor, CancellationToken ct) => throw new NotSupportedException();
    }

    private static Task<IReadOnlyList<SlotCount>> OneInEachAsync(DateTimeOffset from, DateTimeOffset until)
    {
        var counts = new List<SlotCount>();
        for (var slot = from; slot < until; slot += Slots.Length) counts.Add(new(slot, "type", 1));
        return Task.FromResult<IReadOnlyList<SlotCount>>(counts);
    }
}
