using Microsoft.Extensions.Logging;
using OpenTelemetry;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Keeps streams, outboxes and inboxes from growing, and measures them. Safe in any number of processes at once.
/// </summary>
internal sealed partial class MessagingUpkeep(
    IReadOnlyList<IOutboxSource> sources, IReadOnlyList<IConsumerGroup> groups, RedisStreams streams,
    MessagingOptions options, TimeProvider clock, ILogger<MessagingUpkeep> log)
{
    /// <summary>Removes from each stream what every live group has finished.</summary>
    public async Task<int> TrimStreamsAsync(CancellationToken ct)
    {
        using var quiet = SuppressInstrumentationScope.Begin();
        foreach (var stream in EventVocabulary.Streams)
        {
            if (await streams.InfoAsync(stream, ct) is not { } info) continue;

            var live = groups.Where(group => group.Streams.Contains(stream)).Select(group => group.Name).ToHashSet();
            var known = (await streams.GroupsAsync(stream, ct)).Where(group => live.Contains(group.Name)).ToList();
            foreach (var group in known)
            {
                MessagingTelemetry.RecordLag(stream, group.Name, group.Lag ?? 0, group.Pending);
            }

            // A live group without a place in the stream has read nothing of it.
            if (known.Count < live.Count) continue;

            var oldestNeeded = info.LastId.Next();
            foreach (var group in known)
            {
                var pending = group.Pending == 0 ? [] : await streams.PendingAsync(stream, group.Name, default, 1, ct);
                var needed = pending.Count > 0 ? pending[0] : group.LastDelivered.Next();
                if (needed < oldestNeeded) oldestNeeded = needed;
            }

            var trimmed = await streams.TrimAsync(stream, oldestNeeded, ct);
            if (trimmed > 0) Trimmed(log, trimmed, stream);
        }

        return 0;
    }

    /// <summary>
    /// Drops outbox partitions that every group is known to have whole, and inbox partitions that no outbox partition
    /// is left to compare with.
    /// </summary>
    public async Task<int> DropPartitionsAsync(CancellationToken ct)
    {
        using var quiet = SuppressInstrumentationScope.Begin();
        var limit = clock.GetUtcNow() - TimeSpan.FromHours(options.KeepHours);
        foreach (var group in groups)
        {
            if (await group.ProgressAsync(ct) is not { } progress) return 0;
            if (progress.WholeUntil < limit) limit = progress.WholeUntil;
        }

        var dropped = 0;
        var oldestKept = limit;
        foreach (var source in sources)
        {
            dropped += await source.DropBeforeAsync(limit, ct);
            var oldest = await source.OldestKeptAsync(ct);
            if (oldest < oldestKept) oldestKept = oldest;
        }

        foreach (var group in groups) dropped += await group.DropBeforeAsync(oldestKept, ct);
        if (dropped > 0) Dropped(log, dropped);
        return 0;
    }

    public async Task<int> MeasureOutboxesAsync(CancellationToken ct)
    {
        using var quiet = SuppressInstrumentationScope.Begin();
        foreach (var source in sources)
        {
            var state = await source.StateAsync(ct);
            var age = state.OldestWaiting is { } since ? clock.GetUtcNow() - since : TimeSpan.Zero;
            MessagingTelemetry.RecordOutbox(source.Name, age, state.Waiting);
        }

        return 0;
    }

    [LoggerMessage(LogLevel.Debug, "{Count} finished entries of {Stream} are gone")]
    private static partial void Trimmed(ILogger log, long count, string stream);

    [LoggerMessage(LogLevel.Information, "{Count} partitions of events that every group has are gone")]
    private static partial void Dropped(ILogger log, int count);
}
