using System.Text.Json;
using System.Text.Json.Serialization;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// An entry of a stream: events that were sent together, in their order. Two fields, whose names are part of the
/// contract: the types that are in it, so that a group that wants none of them looks no further, and the events as a
/// JSON array, each with its envelope and its payload. Redis and every group of a stream pay for each entry and field,
/// and next to nothing for their length (docs/adr/0035-events-share-an-entry.md).
/// </summary>
internal static partial class Wire
{
    /// <summary>The most events of an entry: what a reader that dies may have to look at again.</summary>
    public const int MaxEvents = 50;

    private const string Types = "types";
    private const string Events = "events";
    private const char Separator = ' ';

    /// <param name="events">Of one stream, at most <see cref="MaxEvents"/>.</param>
    public static StreamMessage Write(string stream, IReadOnlyCollection<SentEvent> events) => new(
        stream,
        [
            new(Types, string.Join(Separator, events.Select(sent => sent.Row.Type).Distinct())),
            new(Events, JsonSerializer.SerializeToUtf8Bytes(
                [.. events.Select(sent => EventJson.Of(sent.Row, sent.TraceParent))], Json.Default.EventJsonArray)),
        ]);

    /// <summary>The types of the entry's events, without reading these; none if it is not one of ours.</summary>
    public static string[] TypesOf(StreamEntry entry) =>
        ((string?)entry.Find(Types))?.Split(Separator, StringSplitOptions.RemoveEmptyEntries) ?? [];

    /// <summary>The events of the types that are wanted.</summary>
    /// <exception cref="FormatException">It is not one of ours.</exception>
    public static IReadOnlyList<Delivery> Read(string stream, StreamEntry entry, Func<string, bool> wants)
    {
        var wanted = Array.FindAll(ReadAll(entry), one => wants(one.Type));
        var shared = new EntryShare(entry.Id, wanted.Length);
        return Array.ConvertAll(wanted, one => new Delivery(shared, one.EnvelopeOn(stream), one.Payload));
    }

    /// <summary>The ids of its events; none if it is not one of ours.</summary>
    public static IEnumerable<Guid> EventIdsOf(StreamEntry entry)
    {
        try
        {
            return ReadAll(entry).Select(one => one.Id);
        }
        catch (FormatException)
        {
            return []; // The reader says so, and acknowledges it.
        }
    }

    private static EventJson[] ReadAll(StreamEntry entry)
    {
        var events = (byte[]?)entry.Find(Events)
            ?? throw new FormatException($"Entry {entry.Id} has no field '{Events}'.");
        try
        {
            var all = JsonSerializer.Deserialize(events, Json.Default.EventJsonArray);
            return all is null || all.Contains(null)
                ? throw new FormatException($"Entry {entry.Id}: the field '{Events}' has a null where an event should be.")
                : all;
        }
        catch (JsonException e)
        {
            throw new FormatException($"Entry {entry.Id}: the field '{Events}' is not what it should be.", e);
        }
    }

    private sealed record EventJson(
        Guid Id, string Type, DateTimeOffset Slot, Guid Key, long Version, DateTimeOffset Time,
        [property: JsonConverter(typeof(AsItIs))] string Payload, string? RequestId = null, string? TraceParent = null)
    {
        public static EventJson Of(OutboxRow row, string? traceParent) => new(
            row.EventId, row.Type, row.Slot, row.Key, row.Version, row.OccurredAt, row.Payload, row.RequestId,
            traceParent);

        public Envelope EnvelopeOn(string stream) =>
            new(Id, Slot, stream, Type, Key, Version, Time, RequestId, TraceParent);
    }

    /// <summary>JSON that is part of the text around it.</summary>
    private sealed class AsItIs : JsonConverter<string>
    {
        public override string Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
        {
            using var value = JsonDocument.ParseValue(ref reader);
            return value.RootElement.GetRawText();
        }

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
            writer.WriteRawValue(value, skipInputValidation: true);
    }

    [JsonSourceGenerationOptions(
        JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
    [JsonSerializable(typeof(EventJson[]))]
    private sealed partial class Json : JsonSerializerContext;
}

/// <param name="TraceParent">The span that put it on the stream, so that the trace goes through it.</param>
internal readonly record struct SentEvent(OutboxRow Row, string? TraceParent);

/// <summary>An event on its way to a group's handler.</summary>
/// <param name="Entry">Its place in the stream.</param>
internal sealed record Delivery(EntryShare Entry, Envelope Envelope, string Payload);

/// <summary>An entry whose events a group handles apart, and acknowledges together.</summary>
internal sealed class EntryShare(string id, int events)
{
    private int _open = events;

    public string Id => id;

    /// <summary>Ends one of its events.</summary>
    /// <returns>True for the last one: the entry can be acknowledged.</returns>
    public bool EndOne() => Interlocked.Decrement(ref _open) == 0;
}
