using System.Reflection;
using Shop.ServiceDefaults.Events;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>The versioned types of every event that this version of the shop knows.</summary>
internal static class EventVocabulary
{
    private static readonly HashSet<string> Types =
    [
        .. from type in typeof(IEvent).Assembly.GetTypes()
           let attribute = type.GetCustomAttribute<EventAttribute>()
           where attribute is not null
           select attribute.Type,
    ];

    public static bool Knows(string type) => Types.Contains(type);
}
