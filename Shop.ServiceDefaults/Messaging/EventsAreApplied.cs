using System.Buffers.Binary;
using Shop.ServiceDefaults.Proof;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// The kernel's own promise, over every outbox and group of this process. It looks at all that is kept, and does not
/// trust what the reconciler has noted as whole: counts by slot and type first, ids only where a count is short.
/// </summary>
internal sealed class EventsAreApplied(
    IReadOnlyList<IOutboxSource> sources, IReadOnlyList<IConsumerGroup> groups, ProofOptions options,
    TimeProvider clock) : IProofRule
{
    private const int PageSize = 5_000;

    public static readonly SqlRule AtMostOnce = new(
        "no-event-is-applied-twice",
        "A group has applied an event once, whatever slot it is noted under, and none that is parked.",
        """
        select event_id as id, consumer_group || ': noted ' || count(*) || ' times' as facts, count(*) > 1 as offends
          from (select consumer_group, event_id from inbox
                 union all
                select consumer_group, event_id from parked_events) as noted
         group by consumer_group, event_id
        """);

    public string Name => "every-event-is-applied-by-every-group";

    public string Promise =>
        $"Every event older than {options.EventAgeSeconds} s is applied by every group that subscribes to it.";

    public bool Settles => true;

    private EventIdBound OlderThan =>
        EventIdBound.At(clock.GetUtcNow() - TimeSpan.FromSeconds(options.EventAgeSeconds));

    public async Task<Finding> FindAsync(CancellationToken ct)
    {
        var olderThan = OlderThan;
        var expected = new Dictionary<(DateTimeOffset Slot, string Type), long>();
        foreach (var source in sources)
        {
            var counts = await source.CountAsync(DateTimeOffset.UnixEpoch, clock.GetUtcNow(), olderThan, ct);
            foreach (var (slot, type, count) in counts)
            {
                expected[(slot, type)] = expected.GetValueOrDefault((slot, type)) + count;
            }
        }

        var (owed, offending) = (0L, 0L);
        var suspects = new List<Suspect>();
        foreach (var group in groups)
        {
            if (await group.ProgressAsync(ct) is not { } progress) continue; // It never subscribed: nothing is owed.

            // Counted after the outboxes: what was applied in between can only make it whole.
            var applied = (await group.CountAppliedAsync(olderThan, ct))
                .ToDictionary(count => (count.Slot, count.Type), count => count.Count);
            foreach (var (key, count) in expected.Where(pair => progress.Owes(pair.Key.Type, pair.Key.Slot)))
            {
                owed += count;
                var missing = count - applied.GetValueOrDefault(key);
                if (missing <= 0) continue;

                var before = suspects.Count;
                if (suspects.Count < Finding.MaxSuspects) await ListAsync(group, key, olderThan, suspects, ct);
                offending += suspects.Count < Finding.MaxSuspects ? suspects.Count - before : missing;
            }
        }

        return new(owed, offending, suspects);
    }

    public async Task<IReadOnlyList<Suspect>> ReadAgainAsync(IReadOnlyCollection<string> ids, CancellationToken ct)
    {
        var suspects = new List<Suspect>();
        foreach (var slot in ids.Select(Guid.Parse).GroupBy(SlotOf))
        {
            var types = new Dictionary<Guid, string>();
            foreach (var source in sources)
            {
                var records = await source.ReadAsync(slot.Key, [.. slot], ct);
                foreach (var record in records) types[record.Row.EventId] = record.Row.Type;
            }

            foreach (var group in groups)
            {
                if (await group.ProgressAsync(ct) is not { } progress) continue;
                Guid[] owed = [.. types.Where(type => progress.Owes(type.Value, slot.Key)).Select(type => type.Key)];
                suspects.AddRange(await UnappliedAsync(group, slot.Key, owed, id => types[id], ct));
            }
        }

        return suspects;
    }

    private async Task ListAsync(
        IConsumerGroup group, (DateTimeOffset Slot, string Type) key, EventIdBound olderThan, List<Suspect> suspects,
        CancellationToken ct)
    {
        foreach (var source in sources)
        {
            var after = Guid.Empty;
            while (suspects.Count < Finding.MaxSuspects)
            {
                var page = await source.ListAsync(
                    new(key.Slot, key.Type, 0), olderThan, long.MaxValue, after, PageSize, ct);
                suspects.AddRange(await UnappliedAsync(group, key.Slot, page, _ => key.Type, ct));
                if (page.Count < PageSize) break;
                after = page[^1];
            }
        }
    }

    private static async Task<IEnumerable<Suspect>> UnappliedAsync(
        IConsumerGroup group, DateTimeOffset slot, IReadOnlyCollection<Guid> ids, Func<Guid, string> typeOf,
        CancellationToken ct)
    {
        if (ids.Count == 0) return [];
        var unapplied = await group.UnappliedAsync(slot, ids, ct);
        return unapplied.Select(one => new Suspect(
            one.EventId.ToString(),
            $"{group.Name}: {typeOf(one.EventId)} is {(one.Parked ? "parked" : "missing")}"));
    }

    /// <summary>An event's id carries its time, so an event can be found by its id alone.</summary>
    private static DateTimeOffset SlotOf(Guid eventId)
    {
        Span<byte> bytes = stackalloc byte[16];
        eventId.TryWriteBytes(bytes, bigEndian: true, out _);
        return Slots.Of(DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(bytes) >> 16));
    }
}
