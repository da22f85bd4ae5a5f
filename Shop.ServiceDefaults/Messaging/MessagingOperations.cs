using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Claims;
using Shop.ServiceDefaults.Authentication;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>What an operator sees and does: outboxes, streams, and parked events (dead letters).</summary>
public sealed class MessagingOperations
{
    private const int MaxKeysReplayed = 100;

    // Who replays where no person asked for it.
    private static readonly ClaimsPrincipal Upkeep = new(new ClaimsIdentity([new(Principals.Subject, "upkeep")]));

    private readonly IReadOnlyList<IOutboxSource> _sources;
    private readonly IReadOnlyList<IConsumerGroup> _groups;
    private readonly RedisStreams _streams;
    private readonly MessagingOptions _options;

    internal MessagingOperations(
        IReadOnlyList<IOutboxSource> sources, IReadOnlyList<IConsumerGroup> groups, RedisStreams streams,
        MessagingOptions options)
    {
        _options = options;
        _sources = sources;
        _groups = groups;
        _streams = streams;
    }

    public async Task<IReadOnlyList<OutboxView>> OutboxesAsync(CancellationToken ct)
    {
        var views = new List<OutboxView>();
        foreach (var source in _sources)
        {
            var state = await source.StateAsync(ct);
            views.Add(new(
                state.Database, state.Holder, state.Epoch, state.PublishedUpTo, state.Waiting, state.OldestWaiting));
        }

        return views;
    }

    /// <summary>
    /// Every stream with the groups that Redis knows of and those that should be there: a group that nobody reads for,
    /// or that Redis has lost, says so.
    /// </summary>
    public async Task<IReadOnlyList<StreamView>> StreamsAsync(CancellationToken ct)
    {
        var readers = new Dictionary<(string Group, string Stream), Reader>();
        foreach (var group in _groups)
        {
            foreach (var reader in await group.ReadersAsync(ct)) readers[(group.Name, reader.Stream)] = reader;
        }

        var views = new List<StreamView>();
        foreach (var stream in EventVocabulary.Streams)
        {
            var info = await _streams.InfoAsync(stream, ct);
            var known = (await _streams.GroupsAsync(stream, ct)).ToDictionary(group => group.Name);
            var ours = _groups.Where(group => group.Streams.Contains(stream)).Select(group => group.Name).ToHashSet();
            views.Add(new(
                stream, info?.Length ?? 0, info?.LastId.ToString(),
                [.. from name in ours.Union(known.Keys).Order(StringComparer.Ordinal)
                    select ToView(
                        name, known.GetValueOrDefault(name), ours.Contains(name),
                        readers.GetValueOrDefault((name, stream)))]));
        }

        return views;
    }

    private GroupView ToView(string name, GroupInfo? info, bool ours, Reader? reader)
    {
        var reads = reader?.SilentSeconds < _options.LeaseTakeover.TotalSeconds;
        var state = (ours, info, reads) switch
        {
            (false, _, _) => GroupState.Foreign,
            (_, null, _) => GroupState.Missing,
            (_, _, false) => GroupState.Stopped,
            _ => GroupState.Reading,
        };
        return new(
            name, state, info?.LastDelivered.ToString() ?? default(StreamId).ToString(), info?.Pending ?? 0, info?.Lag,
            reads ? reader?.Holder : null, reader?.SilentSeconds);
    }

    /// <summary>Parked events, oldest first in each group. The cursor is the id of the last one seen.</summary>
    /// <returns>Null: the cursor is not one of ours.</returns>
    public async Task<IReadOnlyList<DeadLetter>?> DeadLettersAsync(string? cursor, int limit, CancellationToken ct)
    {
        var start = (Group: 0, After: 0L);
        if (cursor is not null)
        {
            if (Find(cursor) is not { } found) return null;
            start = found;
        }

        var letters = new List<DeadLetter>();
        for (var i = start.Group; i < _groups.Count && letters.Count < limit; i++)
        {
            var after = i == start.Group ? start.After : 0;
            var parked = await _groups[i].ListParkedAsync(after, limit - letters.Count, ct);
            letters.AddRange(parked.Select(ToLetter));
        }

        return letters;
    }

    /// <summary>
    /// Replays the parked events of this one's key, in order, from the first. A dry run shows what the first one's
    /// handler would say and keeps nothing.
    /// </summary>
    /// <returns>Null: there is no such dead letter.</returns>
    public async Task<IReadOnlyList<Replayed>?> ReplayAsync(
        string id, bool dryRun, ClaimsPrincipal actor, CancellationToken ct)
    {
        if (Find(id) is not { } found) return null;
        var replayed = await _groups[found.Group].ReplayAsync(found.After, dryRun, actor, ct);
        return replayed.Count == 0 ? null : replayed;
    }

    /// <summary>
    /// Replays all parked keys, a bounded number at a time. A dry run shows what the first event of each would say.
    /// </summary>
    public async Task<IReadOnlyList<Replayed>> ReplayAllAsync(
        bool dryRun, ClaimsPrincipal actor, CancellationToken ct)
    {
        var replayed = new List<Replayed>();
        await foreach (var (group, first) in FirstOfEachKeyAsync(MaxKeysReplayed, ct))
        {
            replayed.AddRange(await group.ReplayAsync(first.Id, dryRun, actor, ct));
        }

        return replayed;
    }

    /// <summary>
    /// Replays the keys whose first event was parked because what it stands on had not come: it may have come since,
    /// and nobody has to look. What failed waits for a person.
    /// </summary>
    public async Task ReplayTooEarlyAsync(CancellationToken ct)
    {
        await foreach (var (group, first) in FirstOfEachKeyAsync(int.MaxValue, ct))
        {
            if (IsTooEarly(first)) await group.ReplayAsync(first.Id, dryRun: false, Upkeep, ct);
        }
    }

    /// <summary>The parked events that the others of their key wait behind.</summary>
    /// <param name="enough">No further page is read once there were so many.</param>
    private async IAsyncEnumerable<(IConsumerGroup Group, ParkedEvent First)> FirstOfEachKeyAsync(
        int enough, [EnumeratorCancellation] CancellationToken ct)
    {
        var keys = new HashSet<(string, Guid)>();
        foreach (var group in _groups)
        {
            var after = 0L;
            while (keys.Count < enough
                && await group.ListParkedAsync(after, MaxKeysReplayed, ct) is { Count: > 0 } page)
            {
                after = page[^1].Id;
                foreach (var parked in page.Where(parked => keys.Add((group.Name, parked.Key))))
                {
                    yield return (group, parked);
                }
            }
        }
    }

    private static bool IsTooEarly(ParkedEvent parked) =>
        parked.Error.StartsWith(ParkedEvents.TooEarly, StringComparison.Ordinal);

    private (int Group, long After)? Find(string id)
    {
        var colon = id.LastIndexOf(':');
        if (colon < 0) return null;
        var digits = id.AsSpan(colon + 1);
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var row)) return null;
        for (var i = 0; i < _groups.Count; i++)
        {
            if (id.AsSpan(0, colon).SequenceEqual(_groups[i].Name)) return (i, row);
        }

        return null;
    }

    private static DeadLetter ToLetter(ParkedEvent parked) => new(
        string.Create(CultureInfo.InvariantCulture, $"{parked.ConsumerGroup}:{parked.Id}"), parked.ConsumerGroup,
        parked.EventId, parked.Stream, parked.Type, parked.Key, parked.Version, parked.OccurredAt, parked.Error,
        parked.Attempts, parked.TraceId, parked.ParkedAt, parked.Payload);
}

/// <param name="Waiting">Events not on their stream yet, counted up to 10,000.</param>
public sealed record OutboxView(
    string Database, string? Holder, long Epoch, long PublishedUpTo, long Waiting, DateTimeOffset? OldestWaiting);

public sealed record StreamView(string Stream, long Length, string? LastId, IReadOnlyList<GroupView> Groups);

/// <param name="Reader">The process that reads for it.</param>
/// <param name="SilentSeconds">How long ago a reader was last heard of; missing where none ever was or it left.</param>
public sealed record GroupView(
    string Group, GroupState State, string LastDelivered, long Pending, long? Lag, string? Reader,
    double? SilentSeconds);

public enum GroupState
{
    Reading,

    /// <summary>Nobody reads for it: what is for it waits, and its stream is not trimmed.</summary>
    Stopped,

    /// <summary>Redis does not know it (any more). Its reader makes it again.</summary>
    Missing,

    /// <summary>Redis knows it, this shop does not: an old one, or another program's. It holds nothing back.</summary>
    Foreign,
}

public sealed record DeadLetter(
    string Id, string Group, Guid EventId, string Stream, string Type, Guid Key, long Version,
    DateTimeOffset OccurredAt, string Error, int Attempts, string? TraceId, DateTimeOffset ParkedAt, string Payload);
