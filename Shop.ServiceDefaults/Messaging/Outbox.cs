using Dapper;
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
          from unnest(@Slots, @EventIds, @Streams, @Types, @Keys, @Versions, @Times, @RequestIds, @TraceParents,
                      @Payloads)
               with ordinality
               as e (slot, event_id, stream, type, key, version, occurred_at, request_id, traceparent, payload,
                     position)
         order by position
        """;

    public static Task InsertAsync(NpgsqlConnection connection, List<OutboxRow> events, CancellationToken ct) =>
        connection.ExecuteAsync(new CommandDefinition(
            InsertSql,
            new
            {
                Slots = events.ConvertAll(e => e.Slot).ToArray(),
                EventIds = events.ConvertAll(e => e.EventId).ToArray(),
                Streams = events.ConvertAll(e => e.Stream).ToArray(),
                Types = events.ConvertAll(e => e.Type).ToArray(),
                Keys = events.ConvertAll(e => e.Key).ToArray(),
                Versions = events.ConvertAll(e => e.Version).ToArray(),
                Times = events.ConvertAll(e => e.OccurredAt).ToArray(),
                RequestIds = events.ConvertAll(e => e.RequestId).ToArray(),
                TraceParents = events.ConvertAll(e => e.TraceParent).ToArray(),
                Payloads = events.ConvertAll(e => e.Payload).ToArray(),
            },
            cancellationToken: ct));
}
