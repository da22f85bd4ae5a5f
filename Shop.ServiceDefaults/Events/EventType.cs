using System.Reflection;
using System.Text.Json.Serialization.Metadata;

namespace Shop.ServiceDefaults.Events;

/// <summary>The wire names and the JSON contract of one event type, looked up once.</summary>
public static class EventType<TEvent>
    where TEvent : IEvent
{
    private static readonly EventAttribute Attribute = typeof(TEvent).GetCustomAttribute<EventAttribute>()
        ?? throw new InvalidOperationException($"{typeof(TEvent)} has no [Event].");

    /// <summary>The stream it travels on, without the configured prefix.</summary>
    public static string Stream => Attribute.Stream;

    /// <summary>The versioned type, such as <c>OrderPaid.v1</c>.</summary>
    public static string Name => Attribute.Type;

    internal static JsonTypeInfo<TEvent> Json { get; } =
        (JsonTypeInfo<TEvent>?)EventJson.Default.GetTypeInfo(typeof(TEvent))
        ?? throw new InvalidOperationException($"{typeof(TEvent)} is not listed in EventJson.");
}
