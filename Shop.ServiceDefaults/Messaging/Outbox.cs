using Npgsql;
using Shop.ServiceDefaults.Data;

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
            Sql.Array(events, e => e.Slot),
            Sql.Array(events, e => e.EventId),
            Sql.Array(events, e => e.Stream),
            Sql.Array(events, e => e.Type),
            Sql.Array(events, e => e.Key),
            Sql.Array(events, e => e.Version),
            Sql.Array(events, e => e.OccurredAt),
            Sql.Array(events, e => e.RequestId),
            Sql.Array(events, e => e.TraceParent),
            Sql.Array(events, e => e.Payload),
        },
    };
}
