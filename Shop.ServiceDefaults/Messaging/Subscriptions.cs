using Microsoft.EntityFrameworkCore;
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

    /// <summary>Handles every event of the type with <paramref name="handle"/>, in the order of its key.</summary>
    public Subscriptions<TDb> On<TEvent>(Func<TEvent, HandlerContext<TDb>, Task<Verdict>> handle)
        where TEvent : IEvent
    {
        _byType.Add(EventType<TEvent>.Name, Subscription<TDb>.Of(handle));
        return this;
    }

    /// <summary>
    /// Hands on every event of the streams with its payload as JSON: for those who pass events on without reading them.
    /// </summary>
    public Subscriptions<TDb> OnAll(
        IReadOnlyCollection<string> streams, Func<string, HandlerContext<TDb>, Task<Verdict>> handle)
    {
        foreach (var type in EventVocabulary.TypesOn(streams))
        {
            _byType.Add(type, new(EventVocabulary.StreamOf(type), type, handle));
        }

        return this;
    }
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
