using Microsoft.Extensions.Logging;
using OpenTelemetry;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// XADD is not delivery: Redis may lose what it had taken. So what every group has handled or parked is compared with
/// the outboxes, by count per slot and type; where a count is short, by id; and what is missing though the group is
/// past it is published again. It does not need to notice that Redis lost anything, nor when.
/// </summary>
internal sealed partial class Reconciler(
    IReadOnlyList<IOutboxSource> sources, IReadOnlyList<IConsumerGroup> groups, StreamPositions positions,
    EventPublisher publisher, MessagingOptions options, TimeProvider clock, ILogger<Reconciler> log)
{
    internal const string LeaseName = "reconciler";

    private const int MaxSlots = 30;
    private const int PageSize = 5_000;
    private const int MaxRepublished = 1_000;

    /// <summary>One run. Answers how many events were published again.</summary>
    public async Task<int> RunAsync(CancellationToken ct)
    {
        using var quiet = SuppressInstrumentationScope.Begin();
        var republished = 0;
        if (sources.Count == 0 || groups.Count == 0) return 0;

        await sources[0].TryRunAloneAsync(
            LeaseName, async held => republished = await ReconcileAsync(held), ct);
        return republished;
    }

    private async Task<int> ReconcileAsync(CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var due = now - TimeSpan.FromSeconds(options.ReconcileAgeSeconds);
        var olderThan = EventIdBound.At(due);
        // Read before the streams are looked at: what it covers was added to them before.
        var publishedUpTo = new Dictionary<IOutboxSource, long>();
        foreach (var source in sources) publishedUpTo[source] = await source.PublishedUpToAsync(ct);

        var written = new WrittenCounts(olderThan);
        var lost = new HashSet<(IOutboxSource Source, DateTimeOffset Slot, Guid EventId)>();
        foreach (var group in groups)
        {
            if (await group.ProgressAsync(ct) is not { } progress) continue;

            // Up to the slot that is due in part: of those behind it nothing is.
            var until = Earlier(progress.WholeUntil + (MaxSlots * Slots.Length), Slots.Of(due) + Slots.Length);
            var shortSlots = await ShortAsync(group, progress, until, written, ct);
            foreach (var slot in shortSlots)
            {
                await FindLostAsync(group, progress, slot, olderThan, publishedUpTo, lost, ct);
            }

            // A slot that can get no more events and lacks none is done with.
            var done = Earlier(Slots.Of(now - TimeSpan.FromSeconds(options.SlotClosedAfterSeconds)), until);
            if (shortSlots.Count > 0) done = Earlier(done, shortSlots[0].Slot);
            if (done > progress.WholeUntil) await group.SetWholeUntilAsync(done, ct);
        }

        return await RepublishAsync(lost, ct);
    }

    /// <summary>Slots and types of which the group has fewer events than there are.</summary>
    private async Task<List<SlotCount>> ShortAsync(
        IConsumerGroup group, GroupProgress progress, DateTimeOffset until, WrittenCounts written, CancellationToken ct)
    {
        var from = progress.WholeUntil;
        if (from >= until) return [];

        var expected = new Dictionary<(DateTimeOffset, string), long>();
        foreach (var source in sources)
        {
            foreach (var (slot, type, count) in await written.OfAsync(source, from, until, ct))
            {
                if (!progress.Owes(type, slot)) continue;
                expected[(slot, type)] = expected.GetValueOrDefault((slot, type)) + count;
            }
        }

        if (expected.Count == 0) return [];

        // Counted after the outboxes: what was handled in between can only make it whole.
        var had = (await group.CountAsync(from, until, written.OlderThan, ct))
            .ToDictionary(count => (count.Slot, count.Type), count => count.Count);
        return
        [
            .. from pair in expected
               where had.GetValueOrDefault(pair.Key) < pair.Value
               orderby pair.Key
               select new SlotCount(pair.Key.Item1, pair.Key.Item2, pair.Value),
        ];
    }

    private async Task FindLostAsync(
        IConsumerGroup group, GroupProgress progress, SlotCount slot, EventIdBound olderThan,
        Dictionary<IOutboxSource, long> publishedUpTo,
        HashSet<(IOutboxSource, DateTimeOffset, Guid)> lost, CancellationToken ct)
    {
        // The group may just not be there yet: then nothing is lost, as far as can be told.
        var stream = progress.ByType[slot.Type].Stream;
        if (await positions.PendingWhenPassedAsync(stream, group.Name, ct) is not { } pending) return;

        foreach (var source in sources)
        {
            var after = Guid.Empty;
            while (lost.Count < MaxRepublished)
            {
                var page = await source.ListAsync(slot, olderThan, publishedUpTo[source], after, PageSize, ct);
                // Asked after the pending entries: what left them before is in the inbox now.
                var missing = page.Count == 0 ? [] : await group.MissingAsync(slot.Slot, page, ct);
                lost.UnionWith(missing.Where(id => !pending.Contains(id)).Select(id => (source, slot.Slot, id)));
                if (page.Count < PageSize) break;
                after = page[^1];
            }
        }
    }

    private async Task<int> RepublishAsync(
        HashSet<(IOutboxSource Source, DateTimeOffset Slot, Guid EventId)> lost, CancellationToken ct)
    {
        var published = 0;
        foreach (var part in lost.GroupBy(item => (item.Source, item.Slot)).OrderBy(part => part.Key.Slot))
        {
            var records = await part.Key.Source.ReadAsync(part.Key.Slot, [.. part.Select(item => item.EventId)], ct);
            // Dying before this line: the next run finds the same. After it: the group is not past them, so it waits.
            var count = await publisher.PublishAsync(records, ct);
            published += count;
            foreach (var stream in records.Take(count).GroupBy(record => record.Row.Stream))
            {
                MessagingTelemetry.Republished(stream.Key, stream.Count());
                Republished(log, stream.Count(), stream.Key, part.Key.Source.Name, part.Key.Slot);
            }
        }

        return published;
    }

    private static DateTimeOffset Earlier(DateTimeOffset left, DateTimeOffset right) => left < right ? left : right;

    /// <summary>What the outboxes have, counted once in a run: most groups look at the same slots.</summary>
    private sealed class WrittenCounts(EventIdBound olderThan)
    {
        private readonly Dictionary<(IOutboxSource, DateTimeOffset, DateTimeOffset), IReadOnlyList<SlotCount>> _counts =
            [];

        public EventIdBound OlderThan => olderThan;

        public async Task<IReadOnlyList<SlotCount>> OfAsync(
            IOutboxSource source, DateTimeOffset from, DateTimeOffset until, CancellationToken ct)
        {
            if (!_counts.TryGetValue((source, from, until), out var counts))
            {
                counts = await source.CountAsync(from, until, olderThan, ct);
                _counts.Add((source, from, until), counts);
            }

            return counts;
        }
    }

    [LoggerMessage(
        LogLevel.Warning, "{Count} events of {Slot} that {Stream} had lost are published again from {Database}")]
    private static partial void Republished(
        ILogger log, int count, string stream, string database, DateTimeOffset slot);
}
