using Dapper;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Recovery;

/// <summary>A kind of half-done work that a sweep looks after, and how to see what of it waits now.</summary>
public sealed class RecoveryKind(string name, string waitingSql, NpgsqlDataSource source)
{
    private readonly string _stateSql = $"""
        with waiting as ({waitingSql})
        select @name as kind, coalesce(found, 0) as found, coalesce(recovered, 0) as recovered,
               coalesce(failed, 0) as failed, last_at, waiting, oldest
          from (select count(*) as waiting, min(since) as oldest from waiting) as now
          left join recovery_counts on kind = @name
        """;

    public async Task<State> StateAsync(CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        return await connection.QuerySingleAsync<State>(
            new CommandDefinition(_stateSql, new { name }, cancellationToken: ct));
    }

    /// <param name="LastAt">When a sweep last found one.</param>
    /// <param name="Waiting">Half-done now, whether its time has come or not.</param>
    /// <param name="Oldest">Since when the oldest of them waits.</param>
    public sealed record State(
        string Kind, long Found, long Recovered, long Failed, DateTimeOffset? LastAt, long Waiting,
        DateTimeOffset? Oldest);
}

public static class RecoveryExtensions
{
    /// <summary>Adds a kind of recovery in one service's database. For the background half, beside its sweep.</summary>
    /// <param name="waitingSql">One row for each that is half-done now: <c>since</c> (timestamptz).</param>
    public static void AddRecoveryKind<TDb>(this IHostApplicationBuilder builder, string name, string waitingSql)
        where TDb : DbContext =>
        builder.Services.AddSingleton(services => new RecoveryKind(
            name, waitingSql, services.GetRequiredService<DatabaseSource<TDb>>().Source));
}
