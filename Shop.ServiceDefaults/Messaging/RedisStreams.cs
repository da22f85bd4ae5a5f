using StackExchange.Redis;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// The only class that speaks stream commands. They go out as plain commands and their answers are read as arrays,
/// which every version of the client and both versions of the protocol share.
/// </summary>
/// <param name="redis">Asked each time: the connection may not be there when the process starts.</param>
public sealed class RedisStreams(Func<IConnectionMultiplexer> redis, MessagingOptions options, TimeProvider clock)
{
    private const string WakeChannel = "wake";

    // Each entry: how many fields and values, then these.
    private const string AddScript = """
        local at = 1
        for i = 1, #KEYS do
            local count = tonumber(ARGV[at])
            redis.call('XADD', KEYS[i], '*', unpack(ARGV, at + 1, at + count))
            at = at + count + 1
        end
        """;

    private IDatabase Db => redis().GetDatabase();

    /// <summary>Makes the group and its stream if missing. A new group starts with what the stream holds.</summary>
    /// <returns>True if it was missing.</returns>
    internal async Task<bool> EnsureGroupAsync(string stream, string group, CancellationToken ct)
    {
        try
        {
            await RunAsync("XGROUP", ["CREATE", Key(stream), group, "0", "MKSTREAM"], ct);
            return true;
        }
        catch (RedisServerException e) when (e.Message.StartsWith("BUSYGROUP", StringComparison.Ordinal))
        {
            return false; // It is there already, which is all that was asked for.
        }
    }

    /// <summary>True if the stream or the group is gone: Redis lost its data.</summary>
    internal static bool IsGroupMissing(RedisServerException e) =>
        e.Message.StartsWith("NOGROUP", StringComparison.Ordinal)
        || e.Message.StartsWith("ERR no such key", StringComparison.Ordinal);

    /// <summary>
    /// Appends all entries in their order or, if this throws, possibly only the first of them: one script, so that
    /// nothing can drop an entry and keep those behind it. Adding them again then repeats them in the same order.
    /// </summary>
    internal Task AddAsync(IReadOnlyList<StreamMessage> messages, CancellationToken ct)
    {
        var arguments = new List<object>(2 + (messages.Count * 10)) { AddScript, messages.Count };
        foreach (var message in messages) arguments.Add(Key(message.Stream));
        foreach (var message in messages)
        {
            arguments.Add(message.Fields.Count * 2);
            foreach (var (name, value) in message.Fields)
            {
                arguments.Add(name);
                arguments.Add(value);
            }
        }

        return RunAsync("EVAL", [.. arguments], ct);
    }

    /// <summary>How much the stream holds; the bytes are estimated from a few of its nodes.</summary>
    internal async Task<(long Entries, long Bytes)> SizeAsync(string stream, CancellationToken ct)
    {
        var entries = RunAsync("XLEN", [Key(stream)], ct);
        var bytes = await RunAsync("MEMORY", ["USAGE", Key(stream)], ct);
        return ((long)await entries, bytes.IsNull ? 0 : (long)bytes);
    }

    /// <summary>Entries that no consumer of the group was given yet.</summary>
    internal async Task<IReadOnlyList<StreamEntry>> ReadNewAsync(
        string stream, string group, string consumer, int count, CancellationToken ct)
    {
        var answer = await RunAsync(
            "XREADGROUP", ["GROUP", group, consumer, "COUNT", count, "STREAMS", Key(stream), ">"], ct);
        if (answer.IsNull) return [];

        // RESP2 answers [[stream, entries]], RESP3 a map, which reads as [stream, entries].
        var streams = Items(answer);
        return Entries(streams.Length == 1 ? Items(streams[0])[1] : streams[1]);
    }

    /// <summary>
    /// Moves pending entries of the whole group to this consumer, in order. Next is <c>0-0</c> when that was all.
    /// </summary>
    internal async Task<(string Next, IReadOnlyList<StreamEntry> Entries)> ClaimAsync(
        string stream, string group, string consumer, string start, int count, CancellationToken ct)
    {
        var answer = Items(await RunAsync("XAUTOCLAIM", [Key(stream), group, consumer, 0, start, "COUNT", count], ct));
        return (Text(answer[0]), Entries(answer[1]));
    }

    internal Task AckAsync(string stream, string group, IReadOnlyList<string> ids, CancellationToken ct) =>
        RunAsync("XACK", [Key(stream), group, .. ids], ct);

    /// <summary>The id of the newest entry ever added. Null: there is no stream.</summary>
    internal async Task<StreamInfo?> InfoAsync(string stream, CancellationToken ct)
    {
        try
        {
            var fields = Fields(await RunAsync("XINFO", ["STREAM", Key(stream)], ct));
            return new(StreamId.Parse(Text(fields["last-generated-id"])), (long)fields["length"]);
        }
        catch (RedisServerException e) when (IsGroupMissing(e))
        {
            return null; // The answer for a key that does not exist.
        }
    }

    internal async Task<IReadOnlyList<GroupInfo>> GroupsAsync(string stream, CancellationToken ct)
    {
        try
        {
            return [.. Items(await RunAsync("XINFO", ["GROUPS", Key(stream)], ct)).Select(Fields).Select(group =>
                new GroupInfo(
                    Text(group["name"]), StreamId.Parse(Text(group["last-delivered-id"])), (long)group["pending"],
                    group.TryGetValue("lag", out var lag) && !lag.IsNull ? (long)lag : null))];
        }
        catch (RedisServerException e) when (IsGroupMissing(e))
        {
            return []; // The answer for a key that does not exist.
        }
    }

    /// <summary>Ids of entries that were given to a consumer and not acknowledged, oldest first.</summary>
    internal async Task<IReadOnlyList<StreamId>> PendingAsync(
        string stream, string group, StreamId from, int count, CancellationToken ct) =>
        [.. Items(await RunAsync("XPENDING", [Key(stream), group, from.ToString(), "+", count], ct))
            .Select(entry => StreamId.Parse(Text(Items(entry)[0])))];

    internal async Task<StreamEntry?> FindAsync(string stream, StreamId id, CancellationToken ct) =>
        Entries(await RunAsync("XRANGE", [Key(stream), id.ToString(), id.ToString()], ct)).FirstOrDefault();

    /// <summary>Removes entries older than <paramref name="oldestKept"/>, whole nodes at a time.</summary>
    internal async Task<long> TrimAsync(string stream, StreamId oldestKept, CancellationToken ct) =>
        (long)await RunAsync("XTRIM", [Key(stream), "MINID", "~", oldestKept.ToString()], ct);

    /// <summary>Forgets consumers of processes that are gone and have nothing pending.</summary>
    internal async Task RemoveOtherConsumersAsync(string stream, string group, string consumer, CancellationToken ct)
    {
        foreach (var other in Items(await RunAsync("XINFO", ["CONSUMERS", Key(stream), group], ct)).Select(Fields))
        {
            if (Text(other["name"]) == consumer || (long)other["pending"] > 0) continue;
            await RunAsync("XGROUP", ["DELCONSUMER", Key(stream), group, Text(other["name"])], ct);
        }
    }

    /// <summary>Tells the readers that there is something new. A lost wake-up costs one poll.</summary>
    internal Task WakeAsync(string stream, CancellationToken ct) =>
        redis().GetSubscriber().PublishAsync(Wake, stream).WaitAsync(Timeout, clock, ct);

    /// <summary>Calls <paramref name="woken"/> with the name of each stream that got something new.</summary>
    internal Task OnWakeAsync(Action<string> woken, CancellationToken ct) =>
        redis().GetSubscriber().SubscribeAsync(Wake, (_, stream) => woken(stream.ToString()))
            .WaitAsync(Timeout, clock, ct);

    private RedisChannel Wake => new(options.StreamPrefix + WakeChannel, RedisChannel.PatternMode.Literal);

    private TimeSpan Timeout => TimeSpan.FromMilliseconds(options.RedisTimeoutMilliseconds);

    private RedisKey Key(string stream) => options.StreamPrefix + stream;

    private Task<RedisResult> RunAsync(string command, object[] arguments, CancellationToken ct) =>
        Db.ExecuteAsync(command, arguments).WaitAsync(Timeout, clock, ct);

    private static RedisResult[] Items(RedisResult result) => (RedisResult[]?)result ?? [];

    private static string Text(RedisResult result) => (string?)result ?? "";

    private static Dictionary<string, RedisResult> Fields(RedisResult result) =>
        Items(result).Chunk(2).ToDictionary(pair => Text(pair[0]), pair => pair[1]);

    /// <summary>Entries that were trimmed while pending come back empty; they are left out.</summary>
    private static List<StreamEntry> Entries(RedisResult result)
    {
        var entries = new List<StreamEntry>();
        foreach (var item in Items(result))
        {
            if (item.IsNull || Items(item) is not [var id, { IsNull: false } fields]) continue;
            entries.Add(new(Text(id), Items(fields)));
        }

        return entries;
    }
}
