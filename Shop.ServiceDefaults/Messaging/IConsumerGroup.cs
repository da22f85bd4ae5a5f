using System.Security.Claims;
using Npgsql;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>A consumer group as the work between databases sees it.</summary>
internal interface IConsumerGroup
{
    string Name { get; }

    IReadOnlyCollection<string> Streams { get; }

    /// <summary>The database that its handlers change, with its inbox.</summary>
    NpgsqlDataSource Source { get; }

    /// <summary>What it owes and how far it is known to be whole; null until it has subscribed.</summary>
    Task<GroupProgress?> ProgressAsync(CancellationToken ct);

    Task SetWholeUntilAsync(DateTimeOffset slot, CancellationToken ct);

    /// <summary>Events it has handled or parked, by slot and type.</summary>
    Task<IReadOnlyList<SlotCount>> CountAsync(
        DateTimeOffset from, DateTimeOffset until, EventIdBound olderThan, CancellationToken ct);

    /// <summary>Those of the events that it has neither handled nor parked.</summary>
    Task<IReadOnlyList<Guid>> MissingAsync(
        DateTimeOffset slot, IReadOnlyCollection<Guid> eventIds, CancellationToken ct);

    /// <summary>Events it has applied, by slot and type; those that are parked are not.</summary>
    Task<IReadOnlyList<SlotCount>> CountAppliedAsync(EventIdBound olderThan, CancellationToken ct);

    /// <summary>Those of the events that it has not applied.</summary>
    Task<IReadOnlyList<Unapplied>> UnappliedAsync(
        DateTimeOffset slot, IReadOnlyCollection<Guid> eventIds, CancellationToken ct);

    /// <summary>Who reads each of its streams, and when that was last heard of.</summary>
    Task<IReadOnlyList<Reader>> ReadersAsync(CancellationToken ct);

    /// <summary>
    /// Removes inbox partitions that ended before <paramref name="limit"/>, as long as no parked event is as old.
    /// </summary>
    Task<int> DropBeforeAsync(DateTimeOffset limit, CancellationToken ct);

    Task<IReadOnlyList<ParkedEvent>> ListParkedAsync(long after, int limit, CancellationToken ct);

    /// <summary>
    /// Handles the parked events of one key in their order until one is not to be handled; a dry run keeps nothing and
    /// stops after the first. Each that is handled is in the audit log.
    /// </summary>
    Task<IReadOnlyList<Replayed>> ReplayAsync(
        long id, bool dryRun, ClaimsPrincipal actor, CancellationToken ct);
}

/// <param name="WholeUntil">Exclusive: of every slot before it nothing is missing.</param>
internal sealed record GroupProgress(DateTimeOffset WholeUntil, IReadOnlyDictionary<string, Owed> ByType)
{
    public bool Owes(string type, DateTimeOffset slot) =>
        ByType.TryGetValue(type, out var owed) && slot >= owed.Since && (owed.Until is null || slot < owed.Until);
}

internal sealed record Owed(string Stream, DateTimeOffset Since, DateTimeOffset? Until);

/// <param name="Parked">It failed and waits for a person.</param>
internal sealed record Unapplied(Guid EventId, bool Parked);

/// <param name="SilentSeconds">How long its lease was not renewed; null: it was given up.</param>
internal sealed record Reader(string Stream, string Holder, double? SilentSeconds);

/// <summary>An event that a group could not handle.</summary>
public sealed record ParkedEvent(
    long Id, string ConsumerGroup, Guid EventId, string Stream, string Type, Guid Key, long Version,
    DateTimeOffset OccurredAt, string Error, int Attempts, string? TraceId, DateTimeOffset ParkedAt, string Payload);

/// <param name="Outcome">The handler's verdict, <c>Duplicate</c>, or <c>Failed</c>.</param>
public sealed record Replayed(long Id, Guid EventId, string Type, string Outcome, string? Error);
