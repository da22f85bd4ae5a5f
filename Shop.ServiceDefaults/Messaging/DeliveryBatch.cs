using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Events that were read together through their handler together: all inbox rows and all effects are one transaction.
/// Whatever keeps one of them from it, a bad payload, an event parked before it or that it was handled before, is left
/// to <see cref="DeliveryRunner{TDb}"/>, which takes them one by one.
/// </summary>
internal sealed partial class DeliveryBatch<TDb>(
    Subscriptions<TDb> group, Func<Transaction<TDb>, IReadOnlyList<Delivery>, Task<int>> store, Database<TDb> database,
    ILogger log)
    where TDb : DbContext
{
    /// <returns>Those to be taken one by one, in their order: none of them was stored.</returns>
    public async Task<IReadOnlyList<Delivery>> StoreAsync(IReadOnlyList<Delivery> batch, CancellationToken ct)
    {
        using var span = StartSpan(batch);
        try
        {
            var stored = await database.TransactAsync(
                async tx =>
                {
                    var taken = await Inbox.TakeManyAsync(tx, group.Name, [.. batch.Select(d => d.Envelope)]);
                    if (taken.Count > 0)
                    {
                        await store(tx, [.. batch.Where(d => taken.Contains(d.Envelope.EventId))
                            .DistinctBy(d => d.Envelope.EventId)]);
                    }

                    return taken;
                },
                ct);
            foreach (var (type, count) in batch.Where(d => stored.Contains(d.Envelope.EventId))
                .CountBy(d => d.Envelope.Type))
            {
                MessagingTelemetry.Handled(group.Name, type, nameof(Outcome.Applied), count);
            }

            return [.. batch.Where(d => !stored.Contains(d.Envelope.EventId))];
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            span?.SetStatus(ActivityStatusCode.Error, e.Message);
            Failed(log, e, group.Name, batch.Count);
            return batch;
        }
    }

    // Its parents are many, so it is a trace of its own that links to each of theirs.
    private Activity? StartSpan(IReadOnlyList<Delivery> batch)
    {
        var links = batch.Select(d => d.Envelope.TraceParent).Distinct()
            .Select(parent => ActivityContext.TryParse(parent, null, isRemote: true, out var of) ? of : default)
            .Where(of => of != default)
            .Select(of => new ActivityLink(of));
        var span = MessagingTelemetry.StartProcess(batch[0].Envelope.Stream, group.Name, parent: default, links);
        span?.SetTag("messaging.batch.message_count", batch.Count);
        return span;
    }

    [LoggerMessage(LogLevel.Warning, "{Group}: {Count} events could not be stored together and are taken one by one")]
    private static partial void Failed(ILogger log, Exception e, string group, int count);
}
