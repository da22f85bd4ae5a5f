using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// What a handler works with: the transaction that also holds the inbox row, the envelope, and services.
/// </summary>
public sealed class HandlerContext<TDb>
{
    private readonly List<Func<CancellationToken, Task>> _afterCommit = [];

    internal HandlerContext(
        Transaction<TDb> transaction, Envelope envelope, IServiceProvider services, CancellationToken cancellationToken)
    {
        Transaction = transaction;
        Envelope = envelope;
        Services = services;
        CancellationToken = cancellationToken;
    }

    public Transaction<TDb> Transaction { get; }

    public Envelope Envelope { get; }

    /// <summary>Services of a scope that lives as long as this delivery, its after-commit work included.</summary>
    public IServiceProvider Services { get; }

    public CancellationToken CancellationToken { get; }

    internal IReadOnlyList<Func<CancellationToken, Task>> AfterCommitWork => _afterCommit;

    /// <summary>
    /// Work outside the transaction, once it is committed: a call to the processor, say. If the process dies before
    /// or during it nobody calls it again, so a recovery sweep must be able to find what it left undone.
    /// </summary>
    public void AfterCommit(Func<CancellationToken, Task> work) => _afterCommit.Add(work);
}

/// <summary>An event's way from outbox to handler, without the payload.</summary>
/// <param name="Slot">The minute it happened in.</param>
/// <param name="Version">The aggregate's version after the change. Gaps mean nothing.</param>
public sealed record Envelope(
    Guid EventId, DateTimeOffset Slot, string Stream, string Type, Guid Key, long Version,
    DateTimeOffset OccurredAt, string? RequestId, string? TraceParent);
