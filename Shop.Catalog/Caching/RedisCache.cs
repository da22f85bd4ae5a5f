using System.Globalization;
using StackExchange.Redis;

namespace Shop.Catalog.Caching;

/// <summary>
/// Values that PostgreSQL has too, for a short time. Redis may be away, slow or empty: then the answer is "nothing",
/// at once or after a short time limit, and Redis is left alone for a while. Nothing here throws because of Redis.
/// Plain commands, which every version of the client has.
/// </summary>
internal sealed partial class RedisCache(
    RedisLinkService link, CacheOptions options, TimeProvider clock, ILogger<RedisCache> log)
{
    private long _failedAt;

    /// <summary>The values of the keys, null where there is none. Null as a whole: Redis is away.</summary>
    public async Task<string?[]?> GetAsync(params string[] keys)
    {
        var answer = await TryAsync("MGET", [.. keys.Select(key => (object)(RedisKey)(options.Prefix + key))]);
        return answer is null ? null : [.. ((RedisValue[])answer!).Select(value => (string?)value)];
    }

    /// <summary>Keeps the value for that long, if Redis is there.</summary>
    public Task SetAsync(string key, string value, TimeSpan ttl)
    {
        var milliseconds = Math.Max(1, (long)ttl.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        return TryAsync("SET", [(RedisKey)(options.Prefix + key), value, "PX", milliseconds]);
    }

    private async Task<RedisResult?> TryAsync(string command, object[] arguments)
    {
        if (IsBroken || link.Database is not { } redis) return null;

        Task<RedisResult>? asked = null;
        try
        {
            asked = redis.ExecuteAsync(command, arguments);
            return await asked.WaitAsync(options.Timeout, clock);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            // One request notices and the others do not ask until the break is over.
            Interlocked.Exchange(ref _failedAt, clock.GetTimestamp());
            Failed(log, command, options.BreakMilliseconds, e.Message);
            // What comes too late is looked at, so that it is not reported as unobserved.
            _ = asked?.ContinueWith(
                late => late.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            return null;
        }
    }

    private bool IsBroken =>
        Interlocked.Read(ref _failedAt) is var failedAt and not 0 && clock.GetElapsedTime(failedAt) < options.Break;

    [LoggerMessage(LogLevel.Warning, "Redis failed at {Command} and is not asked for {Milliseconds} ms: {Reason}")]
    private static partial void Failed(ILogger log, string command, int milliseconds, string reason);
}
