using System.Text.Json;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Ordering.Feed;

/// <summary>
/// Keeps every event as the line it will be sent as. Events of one key come one after the other, so the ids of their
/// rows rise in their order.
/// </summary>
internal static class StoreFeedRows
{
    private const string InsertSql = """
        insert into feed_rows (event_id, line, stored_at) values (@EventId, @Line, @Now) on conflict do nothing
        """;

    /// <summary>A line of a batch.</summary>
    internal sealed record Line(
        Guid Id, string Stream, string Type, Guid Key, long Version, DateTimeOffset OccurredAt, JsonElement Data);

    public static void Subscribe(Subscriptions<OrderingDb> group) => group.OnAll(EventVocabulary.Streams, HandleAsync);

    private static async Task<Verdict> HandleAsync(string payload, HandlerContext<OrderingDb> context)
    {
        var (e, tx) = (context.Envelope, context.Transaction);
        using var data = JsonDocument.Parse(payload);
        var line = new Line(e.EventId, e.Stream, e.Type, e.Key, e.Version, e.OccurredAt, data.RootElement);
        var stored = await tx.ExecuteAsync(
            InsertSql, new { e.EventId, Line = JsonSerializer.Serialize(line, ShopJson.Options), tx.Now });
        return stored == 1 ? Verdict.Applied : Verdict.AlreadyApplied;
    }
}
