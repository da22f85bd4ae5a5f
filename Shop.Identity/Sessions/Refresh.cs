using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Identity.Tokens;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Identity.Sessions;

/// <summary>
/// A refresh token against the next one. A token that comes a second time was stolen, or its thief was first: nobody
/// can tell, so the whole family ends and the password is asked again.
/// </summary>
internal static partial class Refresh
{
    // The family is locked before the token is touched: of two refreshes with one token the second finds it used.
    private const string LockFamilySql = """
        select id, user_id, expires_at, revoked_at
          from refresh_families
         where id = (select family_id from refresh_tokens where token_hash = @Hash)
           for update
        """;

    private const string UseSql = """
        update refresh_tokens set used_at = @Now where token_hash = @Hash and used_at is null returning expires_at
        """; // 0 rows: it was used before.

    private const string RevokeSql = "update refresh_families set revoked_at = @Now where id = @Id";

    private const string UserSql = "select id, roles, seller_id from users where id = @UserId";

    public static async Task<Results<Ok<Session>, ProblemHttpResult>> Handle(
        Request request, HttpContext http, Database<IdentityDb> database, RefreshTokens refreshTokens,
        AccessTokens tokens, ILogger<RefreshTokens> log, CancellationToken ct)
    {
        http.Response.Headers.CacheControl = "no-store";
        var hash = RefreshTokens.HashOf(request.RefreshToken);
        var session = await database.TransactAsync(async tx =>
        {
            var family = await tx.QuerySingleOrDefaultAsync<Family>(LockFamilySql, new { hash });
            if (family is null || family.RevokedAt is not null || family.ExpiresAt <= tx.Now) return null;

            var end = await tx.QuerySingleOrDefaultAsync<DateTimeOffset?>(UseSql, new { hash, tx.Now });
            if (end is null)
            {
                // Committed though the caller is refused: the end of the family is the point.
                await tx.ExecuteAsync(RevokeSql, new { family.Id, tx.Now });
                Reused(log, family.UserId, family.Id);
                return null;
            }

            if (end <= tx.Now) return null;
            var user = await tx.QuerySingleOrDefaultAsync<UserRow>(UserSql, new { family.UserId })
                ?? throw new InvalidOperationException($"Family {family.Id} has no user.");
            var next = await refreshTokens.NextAsync(tx, family.Id, family.ExpiresAt);
            return Session.Of(tokens, user.Id, user.Roles, user.SellerId, next);
        }, ct);

        // Dying here costs the client its session, as a lost answer does: its old token counts as reused.
        return session is null
            ? Problems.Of(
                StatusCodes.Status401Unauthorized, "invalid-refresh-token",
                "The token is unknown, used or over: log in.")
            : TypedResults.Ok(session);
    }

    [LoggerMessage(LogLevel.Warning, "A used refresh token of user {UserId} came again: family {Family} is revoked")]
    private static partial void Reused(ILogger log, Guid userId, Guid family);

    public sealed record Request([Required, MaxLength(RefreshTokens.MaxLength)] string RefreshToken);

    private sealed record Family(Guid Id, Guid UserId, DateTimeOffset ExpiresAt, DateTimeOffset? RevokedAt);

    // Not positional: Dapper finds no constructor for an array of PostgreSQL.
    private sealed record UserRow
    {
        public Guid Id { get; init; }

        public string[] Roles { get; init; } = [];

        public Guid? SellerId { get; init; }
    }
}
