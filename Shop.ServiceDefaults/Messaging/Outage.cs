using Microsoft.Extensions.Logging;
using Npgsql;
using Shop.ServiceDefaults.Data;
using StackExchange.Redis;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// A loop's view of what it depends on: says once that it is gone and once that it is back, and how long to pause
/// between tries.
/// </summary>
internal sealed partial class Outage(string who, MessagingOptions options, ILogger log)
{
    private const int FirstPauseMilliseconds = 50;

    private int _failures;

    /// <summary>True for a lost or unreachable PostgreSQL or Redis: nothing the event or the code did.</summary>
    public static bool IsOutage(Exception e) => e is DatabaseBusyException or TimeoutException or RedisException
        or NpgsqlException { IsTransient: true } or PostgresException { SqlState: PostgresErrorCodes.AdminShutdown };

    /// <summary>Notes a failure and answers the pause before the next try.</summary>
    public TimeSpan Failed(Exception e)
    {
        if (_failures++ == 0)
        {
            if (IsOutage(e)) Away(log, who, e.Message);
            else Broken(log, e, who);
        }

        var pause = Math.Min(options.MaxBackOffMilliseconds, FirstPauseMilliseconds << Math.Min(_failures - 1, 10));
        return TimeSpan.FromMilliseconds(pause * (0.5 + (Random.Shared.NextDouble() / 2)));
    }

    public void Succeeded()
    {
        if (_failures == 0) return;
        Back(log, who, _failures);
        _failures = 0;
    }

    [LoggerMessage(LogLevel.Warning, "{Who} is waiting for what it needs and tries again: {Reason}")]
    private static partial void Away(ILogger log, string who, string reason);

    [LoggerMessage(LogLevel.Error, "{Who} failed and tries again")]
    private static partial void Broken(ILogger log, Exception e, string who);

    [LoggerMessage(LogLevel.Information, "{Who} goes on after {Failures} failed tries")]
    private static partial void Back(ILogger log, string who, int failures);
}
