using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

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
    /// <param name="unreadable">Told of what is not one of ours. It keeps none of the others from being read.</param>
    public static IReadOnlyList<Delivery> Read(
        string stream, StreamEntry entry, Func<string, bool> wants, Action<FormatException> unreadable)
    {
        var wanted = ReadAll(entry, Json.Default.EventJson, Json.Default.EventJsonArray, unreadable)
            .FindAll(one => wants(one.Type));
        var shared = new EntryShare(entry.Id, wanted.Count);
        return wanted.ConvertAll(one => new Delivery(shared, one.EnvelopeOn(stream), one.Payload));
    }

    /// <summary>The ids of its events, without their payloads. What has none is left to the reader to tell.</summary>
    public static IEnumerable<Guid> EventIdsOf(StreamEntry entry) =>
        ReadAll(entry, Json.Default.IdJson, Json.Default.IdJsonArray, _ => { }).Select(one => one.Id);

    private static List<T> ReadAll<T>(
        StreamEntry entry, JsonTypeInfo<T> one, JsonTypeInfo<T[]> many, Action<FormatException> unreadable)
        where T : class
    {
        var events = (byte[]?)entry.Find(Events) ?? [];
        try
        {
            var all = JsonSerializer.Deserialize(events, many);
            if (all is not null && !all.Contains(null)) return [.. all];
        }
        catch (JsonException)
        {
            // One of them at least: each is looked at by itself.
        }

        return ReadOneByOne(entry.Id, events, one, unreadable);
    }

    private static List<T> ReadOneByOne<T>(
        string id, byte[] events, JsonTypeInfo<T> one, Action<FormatException> unreadable)
        where T : class
    {
        var readable = new List<T>();
        try
        {
            var elements = JsonSerializer.Deserialize(events, Json.Default.JsonElementArray) ?? [];
            foreach (var (i, element) in elements.Index())
            {
                try
                {
                    readable.Add(element.Deserialize(one) ?? throw new JsonException("It is null."));
                }
                catch (JsonException e)
                {
                    unreadable(new($"Entry {id}, event {i}: it is not one of ours.", e));
                }
            }
        }
        catch (JsonException e)
        {
            unreadable(new($"Entry {id}: the field '{Events}' is not a list of events.", e));
        }

        return readable;
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

    private sealed record IdJson(Guid Id);

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
    [JsonSerializable(typeof(IdJson[]))]
    [JsonSerializable(typeof(JsonElement[]))]
    private sealed partial class Json : JsonSerializerContext;
}

/// <param name="TraceParent">The span that put it on the stream, so that the trace goes through it.</param>
internal readonly record struct SentEvent(OutboxRow Row, string? TraceParent);

/// <summary>An event on its way to a group's handler.</summary>
/// <param name="Entry">Its place in the stream.</param>
internal sealed record Delivery(EntryShare Entry, Envelope Envelope, string Payload)
{
    private int _ended;

    /// <summary>Counts once, however often it is said.</summary>
    /// <returns>True for the last one of its entry, which can be acknowledged.</returns>
    public bool End() => Interlocked.Exchange(ref _ended, 1) == 0 && Entry.EndOne();
}

/// <summary>An entry whose events a group handles apart, and acknowledges together.</summary>
internal sealed class EntryShare(string id, int events)
{
    private int _open = events;

    public string Id => id;

    /// <returns>True for the last one.</returns>
    public bool EndOne() => Interlocked.Decrement(ref _open) == 0;
}
