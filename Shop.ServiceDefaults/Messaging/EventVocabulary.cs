using System.Reflection;
using Shop.ServiceDefaults.Events;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>The versioned types of every event that this version of the shop knows, and their streams.</summary>
internal static class EventVocabulary
{
    private static readonly IReadOnlyList<EventAttribute> Attributes =
    [
        .. from type in typeof(IEvent).Assembly.GetTypes()
           let attribute = type.GetCustomAttribute<EventAttribute>()
           where attribute is not null
           select attribute,
    ];

    private static readonly HashSet<string> Types = [.. Attributes.Select(attribute => attribute.Type)];

    public static IReadOnlyList<string> Streams { get; } =
        [.. Attributes.Select(attribute => attribute.Stream).Distinct().Order(StringComparer.Ordinal)];

    public static bool Knows(string type) => Types.Contains(type);
}
