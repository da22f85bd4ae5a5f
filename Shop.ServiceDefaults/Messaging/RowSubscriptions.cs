using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// A consumer group that stores a row for each event and does nothing else, so that events which were read together
/// can be stored together: see <see cref="Subscriptions{TDb}.Storing{TRow}"/>.
/// </summary>
public sealed class RowSubscriptions<TDb, TRow>
    where TDb : DbContext
{
    private readonly Dictionary<string, Func<string, Envelope, TRow>> _rowOf = [];
    private readonly Subscriptions<TDb> _group;
    private readonly Func<Transaction<TDb>, IReadOnlyList<TRow>, Task<int>> _store;

    internal RowSubscriptions(
        Subscriptions<TDb> group, Func<Transaction<TDb>, IReadOnlyList<TRow>, Task<int>> store)
    {
        _group = group;
        _store = store;
        group.StoreMany = (tx, deliveries) => store(tx, [.. deliveries.Select(RowOf)]);
    }

    /// <summary>Stores the row of every event of the type.</summary>
    public RowSubscriptions<TDb, TRow> On<TEvent>(Func<TEvent, Envelope, TRow> rowOf)
        where TEvent : IEvent
    {
        Add(EventType<TEvent>.Stream, EventType<TEvent>.Name, (payload, envelope) =>
            rowOf(JsonSerializer.Deserialize(payload, EventType<TEvent>.Json)!, envelope));
        return this;
    }

    /// <summary>
    /// Stores the row of every event of the streams, whose payload comes as JSON: for those who pass events on.
    /// </summary>
    public RowSubscriptions<TDb, TRow> OnAll(
        IReadOnlyCollection<string> streams, Func<string, Envelope, TRow> rowOf)
    {
        foreach (var type in EventVocabulary.TypesOn(streams)) Add(EventVocabulary.StreamOf(type), type, rowOf);
        return this;
    }

    private void Add(string stream, string type, Func<string, Envelope, TRow> rowOf)
    {
        _rowOf.Add(type, rowOf);
        _group.Add(new(stream, type, async (payload, context) =>
            await _store(context.Transaction, [rowOf(payload, context.Envelope)]) > 0
                ? Verdict.Applied
                : Verdict.AlreadyApplied));
    }

    private TRow RowOf(Delivery delivery) =>
        _rowOf[delivery.Envelope.Type](delivery.Payload, delivery.Envelope);
}
