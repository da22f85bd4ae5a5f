using System.Text.Json;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;
using StackExchange.Redis;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>What the kernel's tests share: events, a handler that leaves a trace, and waiting.</summary>
public abstract class KernelTests(KernelDatabase databases) : IClassFixture<KernelDatabase>
{
    protected const string Group = "kernel-orders";
    protected const string Stream = "order-events";

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    protected KernelDatabase Databases => databases;

    /// <summary>One prefix a test.</summary>
    protected string Prefix { get; } = $"kernel:{Guid.CreateVersion7():N}:";

    protected IDatabase Redis => databases.Multiplexer.GetDatabase();

    protected string StreamKey => Prefix + Stream;

    protected static OrderExpired Expired(Guid orderId) =>
        new(orderId, Guid.CreateVersion7(), TimeProvider.System.GetUtcNow());

    protected static OrderCompleted Completed(Guid orderId) => new(orderId, TimeProvider.System.GetUtcNow());

    /// <summary>Writes down that the event was handled, in the transaction of its inbox row.</summary>
    protected static async Task<Verdict> RecordAsync<TDb>(HandlerContext<TDb> context, string what = "handled")
    {
        await context.Transaction.ExecuteAsync(
            "insert into effects (event_id, key, version, what) values (@EventId, @Key, @Version, @what)",
            new { context.Envelope.EventId, context.Envelope.Key, context.Envelope.Version, what });
        return Verdict.Applied;
    }

    protected Task<IReadOnlyList<Effect>> EffectsAsync(params Guid[] keys) => KernelDatabase.QueryAsync<Effect>(
        databases.Main, "select event_id, key, version, what from effects where key = any (@keys) order by id",
        new { keys });

    /// <summary>Entries given to the group and not acknowledged; -1 as long as there is no group.</summary>
    protected async Task<long> PendingAsync()
    {
        try
        {
            return (long)((RedisResult[])(await Redis.ExecuteAsync("XPENDING", StreamKey, Group))!)[0];
        }
        catch (RedisServerException e) when (RedisStreams.IsGroupMissing(e))
        {
            return -1;
        }
    }

    protected Task<IReadOnlyList<Parked>> ParkedAsync(Guid key) => KernelDatabase.QueryAsync<Parked>(
        databases.Main,
        "select event_id, type, version, attempts, error from parked_events where key = @key order by id", new { key });

    protected Task<IReadOnlyList<(string Type, Guid EventId)>> InboxAsync(Guid eventId) =>
        KernelDatabase.QueryAsync<(string, Guid)>(
            databases.Main, "select type, event_id from inbox where event_id = @eventId", new { eventId });

    /// <summary>The events on the stream, in their order.</summary>
    protected async Task<IReadOnlyList<JsonElement>> SentAsync()
    {
        var sent = new List<JsonElement>();
        foreach (var entry in (RedisResult[])(await Redis.ExecuteAsync("XRANGE", StreamKey, "-", "+"))!)
        {
            var fields = (string[])((RedisResult[])entry!)[1]!;
            using var events = JsonDocument.Parse(fields[Array.IndexOf(fields, "events") + 1]);
            sent.AddRange(events.RootElement.EnumerateArray().Select(one => one.Clone()));
        }

        return sent;
    }

    /// <summary>Puts the newest entry on the stream once more.</summary>
    protected async Task CopyLastEntryAsync()
    {
        var entry = ((RedisResult[])(await Redis.ExecuteAsync("XREVRANGE", StreamKey, "+", "-", "COUNT", 1))!)[0];
        var fields = (string[])((RedisResult[])entry!)[1]!;
        await Redis.ExecuteAsync("XADD", [StreamKey, "*", .. fields]);
    }

    protected static async Task EventuallyAsync(Func<Task<bool>> condition, string what)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Deadline, $"Not within {Deadline}: {what}");
            await Task.Delay(10);
        }
    }

    public sealed record Parked(Guid EventId, string Type, long Version, int Attempts, string Error);

    public sealed record Effect(Guid EventId, Guid Key, long Version, string What);
}
