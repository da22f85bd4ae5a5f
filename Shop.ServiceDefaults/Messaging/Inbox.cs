using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>What a group has handled: one row an event, written in the transaction of the effect.</summary>
internal static class Inbox
{
    // One round trip before the handler: the row is taken unless the event, or another of its key, is parked.
    private const string TakeSql = """
        with held as materialized (
            select coalesce(bool_or(event_id = @eventId), false) as parked,
                   coalesce(bool_or(event_id <> @eventId), false) as key_parked
              from parked_events
             where consumer_group = @group and key = @key),
        taken as (
            insert into inbox (consumer_group, slot, event_id, type)
            select @group, @slot, @eventId, @type
              from held
             where not parked and not key_parked
                on conflict do nothing
            returning 1)
        select parked, key_parked, exists (select from taken) as taken,
               key_parked and exists (
                   select from inbox
                    where consumer_group = @group and slot = @slot and event_id = @eventId) as handled
          from held
        """;

    private const string TakeManySql = """
        with held as materialized (
            select key from parked_events where consumer_group = @group and key = any (@keys))
        insert into inbox (consumer_group, slot, event_id, type)
        select @group, slot, event_id, type
          from unnest(@slots, @eventIds, @types, @keys) as wanted (slot, event_id, type, key)
         where key not in (select key from held)
            on conflict do nothing
        returning event_id
        """;

    /// <summary>Takes the event for this transaction, or says why not.</summary>
    public static async Task<Take> TakeAsync<TDb>(Transaction<TDb> tx, string group, Envelope envelope)
    {
        var row = await tx.QuerySingleOrDefaultAsync<TakeRow>(
            TakeSql, new { group, envelope.Slot, envelope.EventId, envelope.Type, envelope.Key })
            ?? throw new InvalidOperationException("An aggregate answers one row.");
        if (row.Taken) return Take.Taken;
        if (row.Parked) return Take.Parked;
        return row.KeyParked && !row.Handled ? Take.KeyParked : Take.Duplicate;
    }

    /// <summary>Takes for this transaction all that is neither handled nor held back by a parked event.</summary>
    /// <returns>The ids that were taken. Why the others were not, <see cref="TakeAsync"/> says.</returns>
    public static async Task<IReadOnlySet<Guid>> TakeManyAsync<TDb>(
        Transaction<TDb> tx, string group, IReadOnlyList<Envelope> envelopes)
    {
        var events = envelopes.DistinctBy(envelope => envelope.EventId).ToList();
        var taken = await tx.QueryAsync<Guid>(TakeManySql, new
        {
            group,
            slots = events.ConvertAll(e => e.Slot),
            eventIds = events.ConvertAll(e => e.EventId),
            types = events.ConvertAll(e => e.Type),
            keys = events.ConvertAll(e => e.Key),
        });
        return taken.ToHashSet();
    }

    private sealed record TakeRow(bool Parked, bool KeyParked, bool Taken, bool Handled);
}

internal enum Take
{
    /// <summary>It is this transaction's to handle.</summary>
    Taken,

    /// <summary>It was handled before.</summary>
    Duplicate,

    /// <summary>It is parked itself.</summary>
    Parked,

    /// <summary>Another event of its key is parked: it belongs behind that one.</summary>
    KeyParked,
}
