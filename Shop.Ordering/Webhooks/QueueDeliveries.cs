using System.Text.Json;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Ordering.Webhooks;

/// <summary>
/// Makes a delivery of each event for each webhook that wants it, in the transaction of the inbox row. A webhook that
/// is removed at that moment fails the foreign key, and the next try doesn't see it any more.
/// </summary>
internal static class QueueDeliveries
{
    private const string WebhooksSql = "select id, events from webhooks";

    private const string InsertSql = """
        insert into webhook_deliveries (webhook_id, event_id, type, body, next_at, created_at)
        select webhook_id, event_id, type, body, @Now, @Now
          from unnest(@webhookIds, @eventIds, @types, @bodies) as wanted (webhook_id, event_id, type, body)
            on conflict do nothing
        """;

    /// <summary>The body that is sent.</summary>
    /// <param name="Id">The event's: a receiver that sees it again has had it.</param>
    internal sealed record Message(Guid Id, string Type, DateTimeOffset OccurredAt, JsonElement Data);

    public static void Subscribe(Subscriptions<OrderingDb> group) => group
        .Storing<Happened>(StoreAsync)
        .OnAll(WebhookEvents.Streams, (payload, e) => new(e, payload));

    private static async Task<int> StoreAsync(Transaction<OrderingDb> tx, IReadOnlyList<Happened> happened)
    {
        var webhooks = await tx.QueryAsync<Listener>(WebhooksSql);
        var wanted = (
            from one in happened
            let listeners = webhooks.Where(webhook => webhook.Wants(one.Event.Type)).ToList()
            where listeners.Count > 0
            let body = Body(one)
            from webhook in listeners
            select (Webhook: webhook.Id, one.Event, Body: body)).ToList();
        if (wanted.Count == 0) return 0;

        return await tx.ExecuteAsync(InsertSql, new
        {
            webhookIds = wanted.ConvertAll(w => w.Webhook),
            eventIds = wanted.ConvertAll(w => w.Event.EventId),
            types = wanted.ConvertAll(w => w.Event.Type),
            bodies = wanted.ConvertAll(w => w.Body),
            tx.Now,
        });
    }

    private static string Body(Happened happened)
    {
        var e = happened.Event;
        using var data = JsonDocument.Parse(happened.Payload);
        return JsonSerializer.Serialize(
            new Message(e.EventId, e.Type, e.OccurredAt, data.RootElement), ShopJson.Options);
    }

    private sealed record Happened(Envelope Event, string Payload);

    private sealed record Listener
    {
        public Guid Id { get; init; }

        public string[]? Events { get; init; }

        public bool Wants(string type) =>
            Events is null || Events.Contains(type) || Events.Contains(WebhookEvents.NameOf(type));
    }
}
