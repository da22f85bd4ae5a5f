using StackExchange.Redis;

namespace Shop.Ordering.Coupons;

/// <summary>
/// Counts, in Redis, the users who came for a coupon, so that of a rush only about as many as there are coupons go for
/// the lock of the coupon's row. It gives nothing and keeps nothing: it starts from what the database has issued,
/// starts again when its count is gone or old, and is left out when Redis is away.
/// </summary>
/// <remarks>
/// Its count may be too low (claims that were under way when it started again) or too high (a process that died before
/// it gave a place back). Too low sends a few too many to the database, too high makes it doubt; neither decides.
/// </remarks>
internal sealed partial class CouponGate(
    IServiceProvider services, CouponOptions options, TimeProvider clock, ILogger<CouponGate> log)
{
    // One hash for each coupon, so that all of it is there or none: how many places are taken, of how many, and a field
    // for each user who took one. Answers -1 where it is not there, 1 for a new place, 0 for none.
    private const string EnterScript = """
        local total = redis.call('HGET', KEYS[1], 'total')
        if not total then return -1 end
        if redis.call('HSETNX', KEYS[1], ARGV[1], 1) == 0 then return 0 end
        if redis.call('HINCRBY', KEYS[1], 'taken', 1) <= tonumber(total) then return 1 end
        redis.call('HINCRBY', KEYS[1], 'taken', -1)
        redis.call('HDEL', KEYS[1], ARGV[1])
        return 0
        """;

    // Only a place that is counted is given back: the count may have started again since.
    private const string LeaveScript = """
        if redis.call('HDEL', KEYS[1], ARGV[1]) == 1 then redis.call('HINCRBY', KEYS[1], 'taken', -1) end
        return 0
        """;

    private const string SeedScript = """
        if redis.call('EXISTS', KEYS[1]) == 0 then
            redis.call('HSET', KEYS[1], 'taken', ARGV[1], 'total', ARGV[2])
            redis.call('EXPIRE', KEYS[1], ARGV[3])
        end
        return 0
        """;

    private const int NotSeeded = -1;
    private const int Counted = 1;

    private Task<IConnectionMultiplexer>? _connecting;
    private long _silentUntilTicks;

    private TimeSpan Patience => TimeSpan.FromMilliseconds(options.GateTimeoutMilliseconds);

    /// <param name="readAsync">Reads how many of the coupon are issued, and of how many; null: no such coupon.</param>
    public async Task<GatePass> EnterAsync(
        Guid couponId, Guid userId, Func<Task<ClaimCoupons.Count?>> readAsync)
    {
        var answer = await RunAsync(EnterScript, couponId, userId.ToString("N"));
        if (answer == NotSeeded)
        {
            if (await readAsync() is not { } now) return GatePass.None;
            await RunAsync(SeedScript, couponId, now.Issued, now.Total, options.GateSeconds);
            answer = await RunAsync(EnterScript, couponId, userId.ToString("N"));
        }

        return answer switch
        {
            null or NotSeeded => GatePass.None,
            Counted => GatePass.Counted,
            _ => GatePass.Doubtful,
        };
    }

    /// <summary>Gives back a place that was counted for a claim that got no coupon.</summary>
    public Task LeaveAsync(Guid couponId, Guid userId) => RunAsync(LeaveScript, couponId, userId.ToString("N"));

    /// <summary>Null where Redis is away: then nobody is refused here.</summary>
    private async Task<int?> RunAsync(string script, Guid couponId, params object[] arguments)
    {
        if (clock.GetUtcNow().UtcTicks < Volatile.Read(ref _silentUntilTicks)) return null;
        try
        {
            var redis = await ConnectAsync();
            var answer = await redis.GetDatabase()
                .ExecuteAsync("EVAL", [script, 1, (RedisKey)$"coupon-gate:{couponId:N}", .. arguments])
                .WaitAsync(Patience, clock);
            return (int)answer;
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            // Asking again for each claim would make all of them wait for a Redis that is not there.
            var until = clock.GetUtcNow().AddSeconds(options.GateSilenceSeconds).UtcTicks;
            if (Interlocked.Exchange(ref _silentUntilTicks, until) < clock.GetUtcNow().UtcTicks) Away(log, e.Message);
            return null;
        }
    }

    // Connecting blocks for seconds while Redis is away, so no request does it itself; one that failed is tried again.
    private Task<IConnectionMultiplexer> ConnectAsync()
    {
        var connecting = Volatile.Read(ref _connecting);
        if (connecting is null || connecting.IsFaulted)
        {
            connecting = Task.Run(services.GetRequiredService<IConnectionMultiplexer>);
            Volatile.Write(ref _connecting, connecting);
        }

        return connecting.WaitAsync(Patience, clock);
    }

    [LoggerMessage(LogLevel.Warning, "Coupons are claimed without their gate, since Redis is away: {Reason}")]
    private static partial void Away(ILogger log, string reason);
}

/// <summary>What the gate says to a user who comes for a coupon.</summary>
internal enum GatePass
{
    /// <summary>There is no gate at the moment: the database decides alone.</summary>
    None,

    /// <summary>A place is counted for this user, to be given back if the claim fails.</summary>
    Counted,

    /// <summary>Counted before, or more came than there are: only the database knows whether all are issued.</summary>
    Doubtful,
}
