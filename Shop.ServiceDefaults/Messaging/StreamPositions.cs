namespace Shop.ServiceDefaults.Messaging;

/// <summary>How far a group is in a stream.</summary>
internal sealed class StreamPositions(RedisStreams streams, TimeProvider clock)
{
    private const int MaxPending = 2_000;
    private const int FoundAtOnce = 100;
    private const int MaxLooks = 5;

    private static readonly TimeSpan PauseBetweenLooks = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// The events that the group was given and has not finished, if it has been given everything that was on the
    /// stream when this was called. Null: it has not, or too much is under way to tell.
    /// </summary>
    public async Task<IReadOnlySet<Guid>?> PendingWhenPassedAsync(string stream, string group, CancellationToken ct)
    {
        // The order matters: the stream's end first, then the group's place, then what is pending.
        var end = (await streams.InfoAsync(stream, ct))?.LastId;
        if (end is null) return new HashSet<Guid>(); // No stream: whatever was on it is gone.

        for (var look = 0; look < MaxLooks; look++)
        {
            var state = (await streams.GroupsAsync(stream, ct)).FirstOrDefault(candidate => candidate.Name == group);
            if (state is null || state.Pending > MaxPending) return null;
            if (state.LastDelivered >= end) return await EventIdsAsync(stream, group, ct);
            await Task.Delay(PauseBetweenLooks, clock, ct);
        }

        return null;
    }

    private async Task<IReadOnlySet<Guid>> EventIdsAsync(string stream, string group, CancellationToken ct)
    {
        var ids = await streams.PendingAsync(stream, group, default, MaxPending * 2, ct);
        var events = new HashSet<Guid>();
        foreach (var part in ids.Chunk(FoundAtOnce))
        {
            // Not all at once: what carries events goes over the same connection.
            var entries = await Task.WhenAll(part.Select(id => streams.FindAsync(stream, id, ct)));
            events.UnionWith(entries.OfType<StreamEntry>().SelectMany(Wire.EventIdsOf));
        }

        return events;
    }
}
