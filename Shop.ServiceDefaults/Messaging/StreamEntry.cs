using System.Globalization;
using System.Text;
using StackExchange.Redis;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>What goes onto a stream: flat fields.</summary>
internal sealed record StreamMessage(string Stream, IReadOnlyList<KeyValuePair<string, RedisValue>> Fields);

/// <summary>
/// What comes from a stream. Its fields are decoded when they are asked for: most groups want few of the types on their
/// streams.
/// </summary>
/// <param name="fields">Names and values in turn.</param>
internal sealed class StreamEntry(string id, RedisResult[] fields)
{
    public string Id => id;

    /// <param name="name">In ASCII.</param>
    /// <returns><see cref="RedisValue.Null"/>: there is no such field.</returns>
    public RedisValue Find(string name)
    {
        for (var i = 0; i + 1 < fields.Length; i += 2)
        {
            if (Ascii.Equals((byte[]?)fields[i], name)) return (RedisValue)fields[i + 1];
        }

        return RedisValue.Null;
    }
}

internal sealed record StreamInfo(StreamId LastId, long Length);

/// <param name="Lag">Entries not given to any consumer; null where Redis can't tell.</param>
internal sealed record GroupInfo(string Name, StreamId LastDelivered, long Pending, long? Lag);

/// <summary>The id of a stream's entry: milliseconds and a sequence number.</summary>
internal readonly record struct StreamId(ulong Milliseconds, ulong Sequence) : IComparable<StreamId>
{
    public static StreamId Parse(string text)
    {
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        return dash < 0
            ? new(ulong.Parse(text, CultureInfo.InvariantCulture), 0)
            : new(ulong.Parse(text.AsSpan(0, dash), CultureInfo.InvariantCulture),
                ulong.Parse(text.AsSpan(dash + 1), CultureInfo.InvariantCulture));
    }

    public StreamId Next() => Sequence == ulong.MaxValue ? new(Milliseconds + 1, 0) : new(Milliseconds, Sequence + 1);

    public int CompareTo(StreamId other) =>
        Milliseconds != other.Milliseconds
            ? Milliseconds.CompareTo(other.Milliseconds)
            : Sequence.CompareTo(other.Sequence);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Milliseconds}-{Sequence}");

    public static bool operator <(StreamId left, StreamId right) => left.CompareTo(right) < 0;

    public static bool operator >(StreamId left, StreamId right) => left.CompareTo(right) > 0;

    public static bool operator <=(StreamId left, StreamId right) => left.CompareTo(right) <= 0;

    public static bool operator >=(StreamId left, StreamId right) => left.CompareTo(right) >= 0;
}
