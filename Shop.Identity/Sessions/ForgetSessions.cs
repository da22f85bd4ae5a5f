using Dapper;
using Shop.ServiceDefaults.Data;

namespace Shop.Identity.Sessions;

/// <summary>Deletes what nobody can use any more: families at their end, and failed logins of long ago.</summary>
internal static class ForgetSessions
{
    private const int Batch = 500;

    private const string FamiliesSql = """
        delete from refresh_families
         where id in (select id from refresh_families where expires_at < @Before
                       order by expires_at limit @Batch for update skip locked)
        """;

    private const string FailuresSql = """
        delete from login_failures
         where email_hash in (select email_hash from login_failures
                               where failed_at < @Before and (locked_until is null or locked_until < @Before)
                               order by failed_at limit @Batch for update skip locked)
        """;

    private static readonly TimeSpan Kept = TimeSpan.FromDays(1);

    public static async Task<int> RunAsync(Database<IdentityDb> database, TimeProvider clock, CancellationToken ct)
    {
        var limits = new { Before = clock.GetUtcNow() - Kept, Batch };
        await using var connection = await database.Source.OpenConnectionAsync(ct);
        return await connection.ExecuteAsync(new CommandDefinition(FamiliesSql, limits, cancellationToken: ct))
            + await connection.ExecuteAsync(new CommandDefinition(FailuresSql, limits, cancellationToken: ct));
    }
}
