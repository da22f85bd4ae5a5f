namespace Shop.ServiceDefaults.Events;

/// <summary>
/// Something that happened, in ids and primitives only: readers fetch what else they need. Change is additive;
/// anything else is a new type with <c>.v2</c>.
/// </summary>
public interface IEvent
{
    /// <summary>The aggregate it happened to. Events of one key are handled in the order they happened.</summary>
    Guid Key { get; }
}

/// <summary>The stream an event travels on and its versioned type: the names on the wire, never the CLR name.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class EventAttribute(string stream, string type) : Attribute
{
    public string Stream => stream;

    public string Type => type;
}
