using System.Text.Json;
using Shop.Ordering;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Ordering;

/// <summary>Hands an event to a group by its type on the wire, as often as the test wants.</summary>
internal static class Delivering
{
    public static Task<Verdict> DeliverAsync<TEvent>(
        this OrderingApp app, Action<Subscriptions<OrderingDb>> subscribe, TEvent @event, Guid eventId,
        DateTimeOffset? occurredAt = null)
        where TEvent : IEvent
    {
        var group = new Subscriptions<OrderingDb>("test");
        subscribe(group);
        var subscription = group.ByType[EventType<TEvent>.Name];
        return app.Db.TransactAsync(
            tx =>
            {
                var at = occurredAt ?? tx.Now;
                var envelope = new Envelope(
                    eventId, at, subscription.Stream, subscription.Type, @event.Key, 1, at, null, null);
                return subscription.Handle(
                    JsonSerializer.Serialize(@event, EventType<TEvent>.Json),
                    new(tx, envelope, app.Services, CancellationToken.None));
            },
            CancellationToken.None);
    }

    public static Task<Verdict> DeliverAsync<TEvent>(
        this OrderingApp app, Action<Subscriptions<OrderingDb>> subscribe, TEvent @event)
        where TEvent : IEvent => app.DeliverAsync(subscribe, @event, Guid.CreateVersion7());
}
