using System.Text.Json;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Ordering.Webhooks;

/// <summary>
/// Makes a delivery of each event for each webhook that wants it, in the transaction of the inbox row. A webhook that
/// is removed at that moment fails the foreign key, and the next try doesn't see it any more.
/// </summary>
internal static class QueueDeliveries
{
    private const string InsertSql = """
        insert into webhook_deliveries (webhook_id, event_id, type, body, next_at, created_at)
        select id, @EventId, @Type, @Body, @Now, @Now
          from webhooks
         where events is null or events && @Names
            on conflict do nothing
        """;

    /// <summary>The body that is sent.</summary>
    /// <param name="Id">The event's: a receiver that sees it again has had it.</param>
    internal sealed record Message(Guid Id, string Type, DateTimeOffset OccurredAt, JsonElement Data);

    public static void Subscribe(Subscriptions<OrderingDb> group) => group.OnAll(WebhookEvents.Streams, HandleAsync);

    private static async Task<Verdict> HandleAsync(string payload, HandlerContext<OrderingDb> context)
    {
        var (envelope, tx) = (context.Envelope, context.Transaction);
        using var data = JsonDocument.Parse(payload);
        var queued = await tx.ExecuteAsync(InsertSql, new
        {
            envelope.EventId, envelope.Type, tx.Now,
            Body = JsonSerializer.Serialize(
                new Message(envelope.EventId, envelope.Type, envelope.OccurredAt, data.RootElement), ShopJson.Options),
            Names = new[] { envelope.Type, WebhookEvents.NameOf(envelope.Type) },
        });
        return queued > 0 ? Verdict.Applied : Verdict.AlreadyApplied; // Told before, or nobody wants to hear of it.
    }
}
