using Npgsql;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>The outbox table of a service's database: events that commit with the state they speak of.</summary>
internal static class Outbox
{
    // Ordered by position, so that ids rise in the order of publishing within the transaction too.
    private const string InsertSql = """
        insert into outbox
               (slot, event_id, stream, type, key, version, occurred_at, request_id, traceparent, payload)
        select slot, event_id, stream, type, key, version, occurred_at, request_id, traceparent, payload::jsonb
          from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
               with ordinality
               as e (slot, event_id, stream, type, key, version, occurred_at, request_id, traceparent, payload,
                     position)
         order by position
        """;

    public static NpgsqlBatchCommand InsertOf(List<OutboxRow> events) => new(InsertSql)
    {
        Parameters =
        {
            Column(events, e => e.Slot),
            Column(events, e => e.EventId),
            Column(events, e => e.Stream),
            Column(events, e => e.Type),
            Column(events, e => e.Key),
            Column(events, e => e.Version),
            Column(events, e => e.OccurredAt),
            Column(events, e => e.RequestId),
            Column(events, e => e.TraceParent),
            Column(events, e => e.Payload),
        },
    };

    private static NpgsqlParameter<T[]> Column<T>(List<OutboxRow> events, Func<OutboxRow, T> value) =>
        new() { TypedValue = [.. events.Select(value)] };
}
