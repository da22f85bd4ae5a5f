using System.Reflection;
using Shop.ServiceDefaults.Events;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>The versioned types of every event that this version of the shop knows, and their streams.</summary>
public static class EventVocabulary
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

    /// <summary>The versioned types that travel on these streams.</summary>
    public static IReadOnlyList<string> TypesOn(params IReadOnlyCollection<string> streams) =>
    [
        .. Attributes.Where(attribute => streams.Contains(attribute.Stream)).Select(attribute => attribute.Type)
            .Order(StringComparer.Ordinal),
    ];

    internal static string StreamOf(string type) => Attributes.Single(attribute => attribute.Type == type).Stream;

    internal static bool Knows(string type) => Types.Contains(type);
}
