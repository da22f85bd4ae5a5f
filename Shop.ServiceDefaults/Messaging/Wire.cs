using System.Text.Json;
using System.Text.Json.Serialization;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// An event on a stream: four fields, whose names are part of the contract. Few, since Redis and every group that reads
/// the stream handle each field by itself: id and type are what all look at, the rest of the envelope is one.
/// </summary>
internal static partial class Wire
{
    private const string EventId = "id";
    private const string Type = "type";
    private const string Rest = "envelope";
    private const string Payload = "payload";

    /// <param name="traceParent">The span that put it on the stream, so that the trace goes through it.</param>
    public static StreamMessage Write(OutboxRow row, string? traceParent)
    {
        RestOfEnvelope rest = new(row.Slot, row.Key, row.Version, row.OccurredAt, row.RequestId, traceParent);
        return new(
            row.Stream,
            [
                new(EventId, row.EventId.ToString()),
                new(Type, row.Type),
                new(Rest, JsonSerializer.Serialize(rest, Json.Default.RestOfEnvelope)),
                new(Payload, row.Payload),
            ]);
    }

    /// <exception cref="FormatException">It is not one of ours.</exception>
    public static Delivery Read(string stream, StreamEntry entry)
    {
        var rest = ReadRest(entry);
        return new(
            entry.Id,
            new(
                Guid.Parse(Field(entry, EventId)), rest.Slot, stream, Field(entry, Type), rest.Key, rest.Version,
                rest.Time, rest.RequestId, rest.TraceParent),
            Field(entry, Payload));
    }

    /// <summary>The event's id, without reading the rest.</summary>
    public static Guid? EventIdOf(StreamEntry entry) =>
        Guid.TryParse(entry.Find(EventId), out var id) ? id : null;

    /// <summary>The event's type, without reading the rest.</summary>
    public static string? TypeOf(StreamEntry entry) => entry.Find(Type);

    private static string Field(StreamEntry entry, string name) => entry.Find(name)
        ?? throw new FormatException($"Entry {entry.Id} has no field '{name}'.");

    private static RestOfEnvelope ReadRest(StreamEntry entry)
    {
        try
        {
            return JsonSerializer.Deserialize(Field(entry, Rest), Json.Default.RestOfEnvelope)
                ?? throw new FormatException($"Entry {entry.Id} has an empty field '{Rest}'.");
        }
        catch (JsonException e)
        {
            throw new FormatException($"Entry {entry.Id}: the field '{Rest}' is not what it should be.", e);
        }
    }

    private sealed record RestOfEnvelope(
        DateTimeOffset Slot, Guid Key, long Version, DateTimeOffset Time, string? RequestId = null,
        string? TraceParent = null);

    [JsonSourceGenerationOptions(
        JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectRequiredConstructorParameters = true)]
    [JsonSerializable(typeof(RestOfEnvelope))]
    private sealed partial class Json : JsonSerializerContext;
}

/// <summary>An event on its way to a group's handler.</summary>
/// <param name="EntryId">Its place in the stream.</param>
internal sealed record Delivery(string EntryId, Envelope Envelope, string Payload);
