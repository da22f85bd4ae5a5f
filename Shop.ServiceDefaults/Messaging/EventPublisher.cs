using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Faults;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>Puts outbox rows onto their streams, in order, each under a span that continues its trace.</summary>
internal sealed partial class EventPublisher(
    RedisStreams streams, MessagingOptions options, ILogger<EventPublisher> log)
{
    private readonly HashSet<string> _full = [];

    /// <summary>
    /// Sends the rows up to the first one whose stream is full and answers how many that were. If it throws, it is not
    /// known whether they are on their streams: send them again.
    /// </summary>
    public async Task<int> PublishAsync(IReadOnlyList<OutboxRecord> records, CancellationToken ct)
    {
        var count = await CountBeforeFullAsync(records, ct);
        if (count == 0) return 0;

        var spans = new List<Activity>(count);
        try
        {
            StreamMessage[] messages =
            [
                .. from sent in records.Take(count).Select(record => Sent(record.Row, spans))
                   group sent by sent.Row.Stream into ofStream
                   from part in ofStream.Chunk(Wire.MaxEvents)
                   select Wire.Write(ofStream.Key, part),
            ];

            // Dying before this line or during it: the next holder of the lease sends the rows (again), in order.
            Crash.At("relay:before-xadd");
            await streams.AddAsync(messages, ct);
            Crash.At("relay:after-xadd");
        }
        catch (Exception e)
        {
            foreach (var span in spans) span.SetStatus(ActivityStatusCode.Error, e.Message);
            throw;
        }
        finally
        {
            foreach (var span in spans) span.Dispose();
        }

        foreach (var sent in records.Take(count).CountBy(record => (record.Row.Stream, record.Row.Type)))
        {
            MessagingTelemetry.Published(sent.Key.Stream, sent.Key.Type, sent.Value);
        }

        foreach (var stream in records.Take(count).Select(record => record.Row.Stream).Distinct())
        {
            await streams.WakeAsync(stream, ct);
        }

        return count;
    }

    private static SentEvent Sent(OutboxRow row, List<Activity> spans)
    {
        ActivityContext.TryParse(row.TraceParent, null, isRemote: true, out var parent);
        var current = Activity.Current;
        Activity.Current = null;
        var span = MessagingTelemetry.Source.StartActivity($"{row.Stream} publish", ActivityKind.Producer, parent);
        Activity.Current = current;
        if (span is null) return new(row, row.TraceParent);

        span.SetTag("messaging.system", "redis");
        span.SetTag("messaging.operation.type", "send");
        span.SetTag("messaging.destination.name", row.Stream);
        span.SetTag("messaging.message.id", row.EventId);
        span.SetTag("shop.event.type", row.Type);
        span.SetTag("shop.event.key", row.Key);
        spans.Add(span);
        return new(row, span.Id);
    }

    /// <summary>The rows behind a full stream wait too, so that the relay keeps one cursor and one order.</summary>
    private async Task<int> CountBeforeFullAsync(IReadOnlyList<OutboxRecord> records, CancellationToken ct)
    {
        var full = new HashSet<string>();
        foreach (var stream in records.Select(record => record.Row.Stream).Distinct())
        {
            var (entries, bytes) = await streams.SizeAsync(stream, ct);
            if (entries < options.MaxStreamLength && bytes < options.MaxStreamBytes)
            {
                if (_full.Remove(stream)) GoesOn(log, stream);
                continue;
            }

            full.Add(stream);
            if (_full.Add(stream)) Pauses(log, stream, entries, bytes);
        }

        if (full.Count == 0) return records.Count;
        var count = 0;
        while (count < records.Count && !full.Contains(records[count].Row.Stream)) count++;
        return count;
    }

    [LoggerMessage(
        LogLevel.Warning, "{Stream} has {Entries} entries, {Bytes} bytes, that some group needs; the rest waits")]
    private static partial void Pauses(ILogger log, string stream, long entries, long bytes);

    [LoggerMessage(LogLevel.Information, "{Stream} has room again")]
    private static partial void GoesOn(ILogger log, string stream);
}
