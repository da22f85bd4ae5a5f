using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Brings one event to its end: tries again with growing pauses, and parks it after too many failures, or after too
/// long a time of NotYet or of locks. An outage of the database ends the reader's session instead: no event is at
/// fault.
/// </summary>
internal sealed partial class DeliveryRunner<TDb>(
    Subscriptions<TDb> group, Database<TDb> database, DeliveryHandler<TDb> handler, MessagingOptions options,
    TimeProvider clock, ILogger log)
    where TDb : DbContext
{
    private const int MaxErrorLength = 4_000;
    private const int MaxDoublings = 16;

    /// <param name="committed">Called once the event is handled or parked, after that commit.</param>
    /// <param name="starting">When it is cancelled nothing new is started.</param>
    /// <param name="finishing">When it is cancelled what is running is given up.</param>
    public async Task RunAsync(
        Delivery delivery, Func<Task> committed, CancellationToken starting, CancellationToken finishing)
    {
        var since = clock.GetTimestamp();
        var failures = 0;
        for (var tries = 1; ; tries++)
        {
            string error;
            try
            {
                var outcome = await handler.HandleAsync(delivery, committed, starting, finishing);
                if (outcome is not Outcome.NotYet) return;

                error = $"{ParkedEvents.TooEarly} for {options.NotYetLimitSeconds} s.";
            }
            catch (DatabaseBusyException e)
            {
                error = e.ToString();
            }
            catch (Exception e) when (!IsStop(e, starting, finishing) && e is not CommittedFailedException)
            {
                if (await IsOutageAsync(e, finishing)) throw;

                error = e.ToString();
                failures++;
                Failed(log, e, group.Name, delivery.Envelope.Type, delivery.Envelope.EventId, failures);
            }

            if (failures >= options.MaxAttempts
                || clock.GetElapsedTime(since) >= TimeSpan.FromSeconds(options.NotYetLimitSeconds))
            {
                await ParkAsync(delivery, error, tries, finishing);
                await committed();
                return;
            }

            await Task.Delay(PauseAfter(tries), clock, starting);
        }
    }

    private async Task ParkAsync(Delivery delivery, string error, int tries, CancellationToken ct)
    {
        var envelope = delivery.Envelope;
        var traceId = ActivityContext.TryParse(envelope.TraceParent, null, out var trace)
            ? trace.TraceId.ToHexString()
            : null;
        await database.TransactAsync(
            async tx =>
            {
                await ParkedEvents.LockKeyAsync(tx, group.Name, envelope.Key);
                await ParkedEvents.InsertAsync(
                    tx, group.Name, delivery, error[..Math.Min(error.Length, MaxErrorLength)], tries, traceId);
            },
            ct);
        MessagingTelemetry.Parked(group.Name, envelope.Type);
        Parked(log, group.Name, envelope.Type, envelope.EventId, envelope.Key, tries);
    }

    /// <summary>
    /// A handler can lose its connection by its own fault (a stall in its transaction, say), so the database is asked:
    /// if it answers, the failure is the event's.
    /// </summary>
    private async Task<bool> IsOutageAsync(Exception e, CancellationToken ct)
    {
        if (e is not NpgsqlException { IsTransient: true }
            and not PostgresException { SqlState: PostgresErrorCodes.AdminShutdown })
        {
            return false;
        }

        try
        {
            await using var connection = await database.Source.OpenConnectionAsync(ct);
            await using var command = new NpgsqlCommand("select 1", connection);
            await command.ExecuteScalarAsync(ct);
            return false;
        }
        catch (NpgsqlException)
        {
            return true;
        }
    }

    private static bool IsStop(Exception e, CancellationToken starting, CancellationToken finishing) =>
        e is OperationCanceledException && (starting.IsCancellationRequested || finishing.IsCancellationRequested);

    private TimeSpan PauseAfter(int tries)
    {
        var pause = Math.Min(
            options.MaxRetryPauseMilliseconds,
            (double)options.RetryPauseMilliseconds * (1 << Math.Min(tries - 1, MaxDoublings)));
        return TimeSpan.FromMilliseconds(pause * (0.75 + (Random.Shared.NextDouble() / 4)));
    }

    [LoggerMessage(LogLevel.Warning, "{Group}: {Type} {EventId} failed {Failures} times")]
    private static partial void Failed(ILogger log, Exception e, string group, string type, Guid eventId, int failures);

    [LoggerMessage(LogLevel.Error, "{Group}: {Type} {EventId} is parked after {Tries} tries; its key {Key} waits")]
    private static partial void Parked(
        ILogger log, string group, string type, Guid eventId, Guid key, int tries);
}

/// <summary>The event is handled, but the stream could not be told. Its redelivery will find the inbox row.</summary>
internal sealed class CommittedFailedException(Exception inner) : Exception(inner.Message, inner);
