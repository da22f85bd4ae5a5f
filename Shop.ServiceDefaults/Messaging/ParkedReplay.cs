using System.Diagnostics;
using System.Security.Claims;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>Handles the parked events of one key, in order, each in a transaction that also frees it.</summary>
internal sealed partial class ParkedReplay<TDb>(
    Subscriptions<TDb> group, Database<TDb> database, IServiceScopeFactory scopes, ILogger log)
    where TDb : DbContext
{
    private const string FailedOutcome = "Failed";
    private const int MaxReplayed = 1_000;

    private const string KeySql = "select key from parked_events where id = @id and consumer_group = @Name";

    private const string TakeFirstSql = """
        delete from parked_events
         where id = (select min(id) from parked_events where consumer_group = @Name and key = @key)
        returning id, slot, event_id, stream, type, key, version, occurred_at, request_id, traceparent, payload::text
        """;

    private const string InboxSql = """
        insert into inbox (consumer_group, slot, event_id, type)
        values (@Name, @Slot, @EventId, @Type)
            on conflict do nothing
        """;

    private const string NoteSql =
        "update parked_events set attempts = attempts + 1, error = @error where id = @id";

    public async Task<IReadOnlyList<Replayed>> RunAsync(
        long id, bool dryRun, ClaimsPrincipal actor, CancellationToken ct)
    {
        var key = await database.TransactAsync(
            tx => tx.QuerySingleOrDefaultAsync<Guid?>(KeySql, new { id, group.Name }), ct);
        var replayed = new List<Replayed>();
        while (key is not null && replayed.Count < MaxReplayed)
        {
            if (await ReplayFirstAsync(key.Value, dryRun, actor, ct) is not { } next) return replayed;

            replayed.Add(next);
            if (dryRun || next.Outcome is nameof(Outcome.NotYet) or FailedOutcome) return replayed;
        }

        return replayed;
    }

    private async Task<Replayed?> ReplayFirstAsync(
        Guid key, bool dryRun, ClaimsPrincipal actor, CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        using var span = MessagingTelemetry.Source.StartActivity("replay parked event", ActivityKind.Consumer);
        var first = default(ParkedRow);
        Replayed? result;
        IReadOnlyList<Func<CancellationToken, Task>> afterCommit;
        try
        {
            (result, afterCommit) = await database.TransactAsync(
                async tx =>
                {
                    // What arrives for this key meanwhile waits here and then looks again whether to park behind.
                    await ParkedEvents.LockKeyAsync(tx, group.Name, key);
                    first = await tx.QuerySingleOrDefaultAsync<ParkedRow>(TakeFirstSql, new { group.Name, key });
                    if (first is null) return (null, []);

                    if (dryRun) tx.Refuse();
                    await tx.AuditAsync(actor, $"replay: {group.Name}", $"event {first.EventId}");
                    return await HandleAsync(tx, first, scope.ServiceProvider, ct);
                },
                ct);
        }
        catch (Exception e) when (first is not null && e is not OperationCanceledException)
        {
            // Answered to whoever asked for the replay; the event stays parked with the new error.
            span?.SetStatus(ActivityStatusCode.Error, e.Message);
            Failed(log, e, group.Name, first.Type, first.EventId);
            if (!dryRun) await NoteAsync(first.Id, e, ct);
            return new(first.Id, first.EventId, first.Type, FailedOutcome, e.Message);
        }

        if (!dryRun && result is not null) await RunAfterCommitAsync(result, afterCommit, ct);
        return result;
    }

    private Task<int> NoteAsync(long id, Exception e, CancellationToken ct) =>
        database.TransactAsync(tx => tx.ExecuteAsync(NoteSql, new { id, error = e.ToString() }), ct);

    private async Task RunAfterCommitAsync(
        Replayed replayed, IReadOnlyList<Func<CancellationToken, Task>> works, CancellationToken ct)
    {
        try
        {
            // Dying here: the event is handled, and the owner's recovery sweep does what this would have done.
            foreach (var work in works) await work(ct);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Failed(log, e, group.Name, replayed.Type, replayed.EventId);
        }
    }

    private async Task<(Replayed?, IReadOnlyList<Func<CancellationToken, Task>>)> HandleAsync(
        Transaction<TDb> tx, ParkedRow row, IServiceProvider services, CancellationToken ct)
    {
        var envelope = new Envelope(
            row.EventId, row.Slot, row.Stream, row.Type, row.Key, row.Version, row.OccurredAt, row.RequestId,
            row.Traceparent);
        if (!group.ByType.TryGetValue(row.Type, out var subscription))
        {
            throw new InvalidOperationException($"{group.Name} no longer handles {row.Type}.");
        }

        if (await tx.ExecuteAsync(InboxSql, new { group.Name, row.Slot, row.EventId, row.Type }) == 0)
        {
            return (Answer(row, nameof(Outcome.Duplicate)), []);
        }

        var context = new HandlerContext<TDb>(tx, envelope, services, ct);
        var verdict = await subscription.Handle(row.Payload, context);
        if (verdict is Verdict.NotYet) tx.Refuse();
        return (Answer(row, verdict.ToString()), context.AfterCommitWork);
    }

    private static Replayed Answer(ParkedRow row, string outcome) =>
        new(row.Id, row.EventId, row.Type, outcome, null);

    [LoggerMessage(LogLevel.Error, "{Group}: replaying {Type} {EventId} failed")]
    private static partial void Failed(ILogger log, Exception e, string group, string type, Guid eventId);

    private sealed record ParkedRow(
        long Id, DateTimeOffset Slot, Guid EventId, string Stream, string Type, Guid Key, long Version,
        DateTimeOffset OccurredAt, string? RequestId, string? Traceparent, string Payload);
}
