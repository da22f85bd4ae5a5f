using Microsoft.AspNetCore.Http;
using Npgsql;
using Shop.ServiceDefaults.Data;
using StackExchange.Redis;

namespace Shop.ServiceDefaults.Problems;

/// <summary>
/// PostgreSQL or Redis is away, restarting, out of connections, or a lock was not to be had in time: nothing is wrong
/// with the request, it may be sent again. Any other database error is a bug and stays one.
/// </summary>
internal sealed class InfrastructureMapping : IExceptionMapping
{
    private const int MaxNesting = 8;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    public MappedProblem? Map(Exception exception)
    {
        var current = exception;
        for (var depth = 0; current is not null && depth < MaxNesting; depth++, current = current.InnerException)
        {
            if (IsTransient(current))
            {
                return new(
                    Problems.Details(
                        StatusCodes.Status503ServiceUnavailable,
                        "service-unavailable",
                        "The service is busy or restarting; try again."),
                    RetryAfter);
            }
        }

        return null;
    }

    // statement_timeout ends as query_canceled, which Npgsql does not count as transient.
    private static bool IsTransient(Exception exception) => exception switch
    {
        PostgresException postgres => postgres.IsTransient || postgres.SqlState is PostgresErrorCodes.QueryCanceled,
        NpgsqlException npgsql => npgsql.IsTransient || npgsql.InnerException is TimeoutException or IOException,
        DatabaseBusyException or RedisConnectionException or RedisTimeoutException => true,
        _ => false,
    };
}
