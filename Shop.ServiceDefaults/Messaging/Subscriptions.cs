using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>A consumer group: the handlers that change one database together, each event once.</summary>
/// <param name="name">Its name in Redis and in the inbox, such as <c>ordering-payments</c>. Never reuse one.</param>
public sealed class Subscriptions<TDb>(string name)
    where TDb : DbContext
{
    private readonly Dictionary<string, Subscription<TDb>> _byType = [];

    public string Name => name;

    internal IReadOnlyDictionary<string, Subscription<TDb>> ByType => _byType;

    /// <summary>Stores the effects of many events together; null where each is handled by itself.</summary>
    internal Func<Transaction<TDb>, IReadOnlyList<Delivery>, Task<int>>? StoreMany { get; set; }

    /// <summary>Handles every event of the type with <paramref name="handle"/>, in the order of its key.</summary>
    public Subscriptions<TDb> On<TEvent>(Func<TEvent, HandlerContext<TDb>, Task<Verdict>> handle)
        where TEvent : IEvent
    {
        Add(Subscription<TDb>.Of(handle));
        return this;
    }

    /// <summary>
    /// Makes it a group that stores a row for each event, many in one transaction, and answers where to say which.
    /// </summary>
    /// <param name="store">
    /// Stores rows in their order with one statement and answers how many were new; a row that is there already is
    /// passed over.
    /// </param>
    public RowSubscriptions<TDb, TRow> Storing<TRow>(
        Func<Transaction<TDb>, IReadOnlyList<TRow>, Task<int>> store) =>
        _byType.Count == 0 && StoreMany is null
            ? new(this, store)
            : throw new InvalidOperationException($"{name} can't handle some events one by one and store others.");

    internal void Add(Subscription<TDb> subscription) => _byType.Add(subscription.Type, subscription);
}

/// <summary>One event type of a group: where it comes from and who handles it.</summary>
internal sealed record Subscription<TDb>(
    string Stream, string Type, Func<string, HandlerContext<TDb>, Task<Verdict>> Handle)
    where TDb : DbContext
{
    public static Subscription<TDb> Of<TEvent>(Func<TEvent, HandlerContext<TDb>, Task<Verdict>> handle)
        where TEvent : IEvent =>
        new(EventType<TEvent>.Stream, EventType<TEvent>.Name, (payload, context) =>
            handle(System.Text.Json.JsonSerializer.Deserialize(payload, EventType<TEvent>.Json)!, context));
}
