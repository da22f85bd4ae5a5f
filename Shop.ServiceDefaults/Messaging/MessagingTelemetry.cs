using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>The kernel's spans and measures: both carry the name <c>Shop.Messaging</c>.</summary>
public static class MessagingTelemetry
{
    public const string Name = "Shop.Messaging";

    /// <summary>Baggage that carries the request id from event to event.</summary>
    internal const string RequestIdBaggage = "request.id";

    internal static readonly ActivitySource Source = new(Name);

    private static readonly Meter Meter = new(Name);

    private static readonly Counter<long> PublishedEvents =
        Meter.CreateCounter<long>("shop.messaging.published", "{event}", "Events put on a stream by the relay.");

    private static readonly Counter<long> RepublishedEvents =
        Meter.CreateCounter<long>("shop.messaging.republished", "{event}", "Lost events put on a stream again.");

    private static readonly Counter<long> HandledEvents =
        Meter.CreateCounter<long>("shop.messaging.handled", "{event}", "Deliveries by what became of them.");

    private static readonly Counter<long> ParkedEvents =
        Meter.CreateCounter<long>("shop.messaging.parked", "{event}", "Events parked.");

    private static readonly Gauge<double> OutboxAge = Meter.CreateGauge<double>(
        "shop.messaging.outbox.oldest_age", "s", "Age of the oldest event that is not on its stream.");

    private static readonly Gauge<long> OutboxDepth = Meter.CreateGauge<long>(
        "shop.messaging.outbox.depth", "{event}", "Events that are not on their stream, counted up to a limit.");

    private static readonly Gauge<long> Lag = Meter.CreateGauge<long>(
        "shop.messaging.lag", "{event}", "Entries of a stream that a group has not finished.");

    private static readonly Gauge<long> Pending = Meter.CreateGauge<long>(
        "shop.messaging.pending", "{event}", "Entries that a group was given and has not finished.");

    /// <summary>The span of a group that processes what came on a stream; never part of the trace around it.</summary>
    internal static Activity? StartProcess(
        string stream, string group, ActivityContext parent, IEnumerable<ActivityLink>? links = null)
    {
        Activity.Current = null;
        var span = Source.StartActivity($"{stream} process", ActivityKind.Consumer, parent, links: links);
        span?.SetTag("messaging.system", "redis");
        span?.SetTag("messaging.operation.type", "process");
        span?.SetTag("messaging.destination.name", stream);
        span?.SetTag("messaging.consumer.group.name", group);
        return span;
    }

    internal static void Published(string stream, string type, int count) => PublishedEvents.Add(
        count, new("messaging.destination.name", stream), new("shop.event.type", type));

    internal static void Republished(string stream, int count) =>
        RepublishedEvents.Add(count, new KeyValuePair<string, object?>("messaging.destination.name", stream));

    internal static void Handled(string group, string type, string outcome, int count = 1) => HandledEvents.Add(
        count, new("messaging.consumer.group.name", group), new("shop.event.type", type), new("shop.verdict", outcome));

    internal static void Parked(string group, string type) => ParkedEvents.Add(
        1, new("messaging.consumer.group.name", group), new("shop.event.type", type));

    internal static void RecordOutbox(string database, TimeSpan oldestAge, long depth)
    {
        var name = new KeyValuePair<string, object?>("db.namespace", database);
        OutboxAge.Record(oldestAge.TotalSeconds, name);
        OutboxDepth.Record(depth, name);
    }

    internal static void RecordLag(string stream, string group, long unread, long pending)
    {
        KeyValuePair<string, object?>[] names =
            [new("messaging.destination.name", stream), new("messaging.consumer.group.name", group)];
        Lag.Record(unread + pending, names);
        Pending.Record(pending, names);
    }
}
