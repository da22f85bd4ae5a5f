using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Events that a group could not handle, kept with their payload. They hold back later events of their key: those are
/// parked behind them, so that a replay handles all of a key in order.
/// </summary>
internal static class ParkedEvents
{
    /// <summary>How the error begins of an event whose time had not come, so that it may come yet.</summary>
    public const string TooEarly = "NotYet";

    // Parking behind an event and replaying that event exclude each other: else one could be parked behind nothing.
    private const string LockSql = "select pg_advisory_xact_lock(hashtextextended(@group || @key::text, 0))";

    private const string ParkSql = """
        insert into parked_events
               (consumer_group, slot, event_id, stream, type, key, version, occurred_at, request_id, traceparent,
                payload, error, attempts, trace_id)
        values (@group, @slot, @eventId, @stream, @type, @key, @version, @occurredAt, @requestId, @traceParent,
                @payload::jsonb, @error, @attempts, @traceId)
            on conflict (consumer_group, event_id) do nothing
        """;

    public static Task LockKeyAsync<TDb>(Transaction<TDb> tx, string group, Guid key) =>
        tx.QuerySingleOrDefaultAsync<object>(LockSql, new { group, key });

    public static Task InsertAsync<TDb>(
        Transaction<TDb> tx, string group, Delivery delivery, string error, int attempts, string? traceId)
    {
        var envelope = delivery.Envelope;
        return tx.ExecuteAsync(ParkSql, new
        {
            group,
            envelope.Slot,
            envelope.EventId,
            envelope.Stream,
            envelope.Type,
            envelope.Key,
            envelope.Version,
            envelope.OccurredAt,
            envelope.RequestId,
            envelope.TraceParent,
            delivery.Payload,
            error,
            attempts,
            traceId,
        });
    }
}
