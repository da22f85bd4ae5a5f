using System.Text.Json;
using Shop.ServiceDefaults.Data;
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
        insert into feed_rows (event_id, line, stored_at)
        select event_id, line, @Now
          from unnest(@eventIds, @lines) with ordinality as happened (event_id, line, place)
         order by place
            on conflict do nothing
        """;

    /// <summary>A line of a batch.</summary>
    internal sealed record Line(
        Guid Id, string Stream, string Type, Guid Key, long Version, DateTimeOffset OccurredAt, JsonElement Data);

    public static void Subscribe(Subscriptions<OrderingDb> group) => group
        .Storing<Row>(StoreAsync)
        .OnAll(EventVocabulary.Streams, RowOf);

    private static Task<int> StoreAsync(Transaction<OrderingDb> tx, IReadOnlyList<Row> rows) =>
        tx.ExecuteAsync(InsertSql, new
        {
            eventIds = rows.Select(row => row.EventId).ToArray(),
            lines = rows.Select(row => row.Line).ToArray(),
            tx.Now,
        });

    private static Row RowOf(string payload, Envelope e)
    {
        using var data = JsonDocument.Parse(payload);
        var line = new Line(e.EventId, e.Stream, e.Type, e.Key, e.Version, e.OccurredAt, data.RootElement);
        return new(e.EventId, JsonSerializer.Serialize(line, ShopJson.Options));
    }

    private sealed record Row(Guid EventId, string Line);
}
