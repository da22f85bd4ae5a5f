using System.Globalization;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>An event on a stream, as flat fields whose names are part of the contract.</summary>
internal static class Wire
{
    private const string EventId = "id";
    private const string Slot = "slot";
    private const string Type = "type";
    private const string Key = "key";
    private const string Version = "version";
    private const string Time = "time";
    private const string RequestId = "request-id";
    private const string TraceParent = "traceparent";
    private const string Payload = "payload";

    /// <param name="traceParent">The span that put it on the stream, so that the trace goes through it.</param>
    public static StreamMessage Write(OutboxRow row, string? traceParent)
    {
        List<KeyValuePair<string, string>> fields =
        [
            new(EventId, row.EventId.ToString()),
            new(Slot, row.Slot.ToString("O", CultureInfo.InvariantCulture)),
            new(Type, row.Type),
            new(Key, row.Key.ToString()),
            new(Version, row.Version.ToString(CultureInfo.InvariantCulture)),
            new(Time, row.OccurredAt.ToString("O", CultureInfo.InvariantCulture)),
        ];
        if (row.RequestId is not null) fields.Add(new(RequestId, row.RequestId));
        if (traceParent is not null) fields.Add(new(TraceParent, traceParent));
        fields.Add(new(Payload, row.Payload));
        return new(row.Stream, fields);
    }

    /// <exception cref="FormatException">It is not one of ours.</exception>
    public static Delivery Read(string stream, StreamEntry entry) => new(
        entry.Id,
        new(
            Guid.Parse(Field(entry, EventId)), Instant(entry, Slot), stream, Field(entry, Type),
            Guid.Parse(Field(entry, Key)), long.Parse(Field(entry, Version), CultureInfo.InvariantCulture),
            Instant(entry, Time), entry.Find(RequestId), entry.Find(TraceParent)),
        Field(entry, Payload));

    /// <summary>The event's id, without reading the rest.</summary>
    public static Guid? EventIdOf(StreamEntry entry) =>
        Guid.TryParse(entry.Find(EventId), out var id) ? id : null;

    /// <summary>The event's type, without reading the rest.</summary>
    public static string? TypeOf(StreamEntry entry) => entry.Find(Type);

    private static string Field(StreamEntry entry, string name) => entry.Find(name)
        ?? throw new FormatException($"Entry {entry.Id} has no field '{name}'.");

    private static DateTimeOffset Instant(StreamEntry entry, string name) =>
        DateTimeOffset.Parse(Field(entry, name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
}

/// <summary>An event on its way to a group's handler.</summary>
/// <param name="EntryId">Its place in the stream.</param>
internal sealed record Delivery(string EntryId, Envelope Envelope, string Payload);
