namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// The outbox of one database as the work between databases sees it: reconciling, trimming, operations. No slice takes
/// two DbContexts, so that work stands on this and on <see cref="IConsumerGroup"/>.
/// </summary>
internal interface IOutboxSource
{
    string Name { get; }

    /// <summary>Every event up to this id is on its stream, or was.</summary>
    Task<long> PublishedUpToAsync(CancellationToken ct);

    /// <summary>Events by slot and type, of slots from <paramref name="from"/> and older than the bound.</summary>
    Task<IReadOnlyList<SlotCount>> CountAsync(
        DateTimeOffset from, DateTimeOffset until, EventIdBound olderThan, CancellationToken ct);

    /// <summary>Ids of published events of one slot and type, a page in the order of event ids.</summary>
    Task<IReadOnlyList<Guid>> ListAsync(
        SlotCount slot, EventIdBound olderThan, long publishedUpTo, Guid after, int limit, CancellationToken ct);

    /// <summary>The rows of these events, in the order of publishing.</summary>
    Task<IReadOnlyList<OutboxRecord>> ReadAsync(
        DateTimeOffset slot, IReadOnlyCollection<Guid> eventIds, CancellationToken ct);

    Task<OutboxState> StateAsync(CancellationToken ct);

    /// <summary>
    /// Removes what ended before <paramref name="limit"/> and is published. Answers the number of partitions.
    /// </summary>
    Task<int> DropBeforeAsync(DateTimeOffset limit, CancellationToken ct);

    /// <summary>No slot before this one is left.</summary>
    Task<DateTimeOffset> OldestKeptAsync(CancellationToken ct);

    /// <summary>Runs the work if no other process does; answers whether it ran.</summary>
    Task<bool> TryRunAloneAsync(string name, Func<CancellationToken, Task> work, CancellationToken ct);
}

/// <param name="Count">Number of events.</param>
internal sealed record SlotCount(DateTimeOffset Slot, string Type, long Count);

/// <param name="Waiting">Events not on their stream yet, counted up to a limit.</param>
internal sealed record OutboxState(
    string Database, string? Holder, long Epoch, long PublishedUpTo, long Waiting, DateTimeOffset? OldestWaiting);

/// <summary>
/// Event ids are UUIDs of version 7, made at the time the event carries. So one comparison of ids tells older from
/// newer, the same in every table that has the id.
/// </summary>
internal readonly record struct EventIdBound(Guid Value)
{
    public static EventIdBound At(DateTimeOffset instant)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        var milliseconds = instant.ToUnixTimeMilliseconds();
        for (var i = 0; i < 6; i++) bytes[i] = (byte)(milliseconds >> (40 - (8 * i)));
        return new(new Guid(bytes, bigEndian: true));
    }
}
