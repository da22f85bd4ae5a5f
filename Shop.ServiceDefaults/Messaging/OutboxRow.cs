using System.Diagnostics;
using System.Text.Json;
using Shop.ServiceDefaults.Events;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>An event as it stands in the outbox: the envelope, with the payload as JSON.</summary>
/// <param name="Slot">The minute it happened in. Outbox and inbox are compared and dropped by it.</param>
/// <param name="TraceParent">W3C trace context of the request that caused it, if it is traced.</param>
internal sealed record OutboxRow(
    Guid EventId, DateTimeOffset Slot, string Stream, string Type, Guid Key, long Version,
    DateTimeOffset OccurredAt, string? RequestId, string? TraceParent, string Payload)
{
    public static OutboxRow Of<TEvent>(TEvent @event, long version, DateTimeOffset now)
        where TEvent : IEvent
    {
        var activity = Activity.Current;
        return new(
            Guid.CreateVersion7(now),
            Slots.Of(now),
            EventType<TEvent>.Stream,
            EventType<TEvent>.Name,
            @event.Key,
            version,
            now,
            activity?.GetBaggageItem(MessagingTelemetry.RequestIdBaggage) ?? activity?.TraceId.ToHexString(),
            activity?.Id,
            JsonSerializer.Serialize(@event, EventType<TEvent>.Json));
    }
}
