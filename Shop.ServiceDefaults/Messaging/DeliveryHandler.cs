using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>One event through its handler once: inbox row, effect and what it publishes are one transaction.</summary>
internal sealed partial class DeliveryHandler<TDb>(
    Subscriptions<TDb> group, Database<TDb> database, IServiceScopeFactory scopes, MessagingOptions options,
    ILogger log) : IDisposable
    where TDb : DbContext
{
    private readonly SemaphoreSlim _handlers = new(options.HandlerConcurrency);
    private readonly SemaphoreSlim _afterCommit = new(options.AfterCommitConcurrency);

    /// <summary>
    /// Handles the event, calls <paramref name="committed"/>, then runs its after-commit work. That order frees the
    /// stream early and loses nothing: once the inbox row is there, a redelivery would not run that work either. If
    /// the process dies before it has run, the owner's recovery sweep finds what it left undone.
    /// </summary>
    public async Task<Outcome> HandleAsync(
        Delivery delivery, Func<Task> committed, CancellationToken starting, CancellationToken finishing)
    {
        using var span = StartSpan(delivery.Envelope);
        await using var scope = scopes.CreateAsyncScope();
        Attempt attempt;
        await _handlers.WaitAsync(starting);
        try
        {
            attempt = await TransactAsync(delivery, scope.ServiceProvider, finishing);
        }
        catch (Exception e)
        {
            span?.SetStatus(ActivityStatusCode.Error, e.Message);
            throw;
        }
        finally
        {
            _handlers.Release();
        }

        span?.SetTag("shop.verdict", attempt.Outcome.ToString());
        MessagingTelemetry.Handled(group.Name, delivery.Envelope.Type, attempt.Outcome.ToString());
        if (attempt.Outcome is Outcome.NotYet) return attempt.Outcome;

        try
        {
            await committed();
        }
        finally
        {
            await RunAfterCommitAsync(delivery.Envelope, attempt.AfterCommit, finishing);
        }

        return attempt.Outcome;
    }

    public void Dispose()
    {
        _handlers.Dispose();
        _afterCommit.Dispose();
    }

    private Task<Attempt> TransactAsync(Delivery delivery, IServiceProvider services, CancellationToken ct)
    {
        var envelope = delivery.Envelope;
        var subscription = group.ByType[envelope.Type];
        return database.TransactAsync(
            async tx =>
            {
                var take = await Inbox.TakeAsync(tx, group.Name, envelope);
                if (take is Take.KeyParked)
                {
                    // Looked at again under the key's lock: a replay may just have emptied it.
                    await ParkedEvents.LockKeyAsync(tx, group.Name, envelope.Key);
                    take = await Inbox.TakeAsync(tx, group.Name, envelope);
                    if (take is Take.KeyParked)
                    {
                        await ParkedEvents.InsertAsync(
                            tx, group.Name, delivery, "An earlier event of this key is parked.", 0,
                            Activity.Current?.TraceId.ToHexString());
                        return new Attempt(Outcome.ParkedBehind, []);
                    }
                }

                if (take is not Take.Taken)
                {
                    return new Attempt(take is Take.Parked ? Outcome.AlreadyParked : Outcome.Duplicate, []);
                }

                var context = new HandlerContext<TDb>(tx, envelope, services, ct);
                var verdict = await subscription.Handle(delivery.Payload, context);
                if (verdict is Verdict.NotYet) tx.Refuse();
                return new Attempt(OutcomeOf(verdict), context.AfterCommitWork);
            },
            ct, file: envelope.Type, member: group.Name);
    }

    private async Task RunAfterCommitAsync(
        Envelope envelope, IReadOnlyList<Func<CancellationToken, Task>> works, CancellationToken ct)
    {
        if (works.Count == 0) return;

        await _afterCommit.WaitAsync(ct);
        try
        {
            foreach (var work in works) await work(ct);
        }
        catch (Exception e)
        {
            // The event is handled; what this work should have done is found by the owner's recovery sweep.
            Activity.Current?.SetStatus(ActivityStatusCode.Error, e.Message);
            AfterCommitFailed(log, e, group.Name, envelope.Type, envelope.EventId);
        }
        finally
        {
            _afterCommit.Release();
        }
    }

    private Activity? StartSpan(Envelope envelope)
    {
        ActivityContext.TryParse(envelope.TraceParent, null, isRemote: true, out var parent);
        var span = MessagingTelemetry.StartProcess(envelope.Stream, group.Name, parent);
        span?.SetTag("messaging.message.id", envelope.EventId);
        span?.SetTag("shop.event.type", envelope.Type);
        span?.SetTag("shop.event.key", envelope.Key);
        span?.SetBaggage(MessagingTelemetry.RequestIdBaggage, envelope.RequestId);
        return span;
    }

    private static Outcome OutcomeOf(Verdict verdict) => verdict switch
    {
        Verdict.Applied => Outcome.Applied,
        Verdict.AlreadyApplied => Outcome.AlreadyApplied,
        Verdict.NotYet => Outcome.NotYet,
        Verdict.TooLate => Outcome.TooLate,
        _ => throw new InvalidOperationException($"{verdict} is not a verdict."),
    };

    [LoggerMessage(LogLevel.Error, "{Group}: work after {Type} {EventId} failed and is left to the recovery sweep")]
    private static partial void AfterCommitFailed(ILogger log, Exception e, string group, string type, Guid eventId);

    private sealed record Attempt(Outcome Outcome, IReadOnlyList<Func<CancellationToken, Task>> AfterCommit);
}

/// <summary>What became of a delivery: a verdict, or why the handler was not asked.</summary>
internal enum Outcome
{
    Applied,
    AlreadyApplied,
    NotYet,
    TooLate,

    /// <summary>The inbox had it.</summary>
    Duplicate,

    /// <summary>It is parked already.</summary>
    AlreadyParked,

    /// <summary>It was parked behind another event of its key.</summary>
    ParkedBehind,

    /// <summary>It failed too often, or was too early for too long.</summary>
    Parked,
}
