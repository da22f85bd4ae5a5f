using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Identity.Sessions;

/// <summary>
/// Ends the session of a refresh token (whoever holds it may), or without one all sessions of the signed-in user.
/// Access tokens that are out last their few minutes.
/// </summary>
internal static class Logout
{
    private const string EndOneSql = """
        update refresh_families
           set revoked_at = @Now
         where id = (select family_id from refresh_tokens where token_hash = @Hash) and revoked_at is null
        """; // 0 rows: unknown or over, which is what was asked for.

    private const string EndAllSql = """
        update refresh_families set revoked_at = @Now where user_id = @UserId and revoked_at is null
        """;

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(
        Request? request, ClaimsPrincipal principal, Database<IdentityDb> database, CancellationToken ct)
    {
        if (request?.RefreshToken is { Length: > 0 } token)
        {
            var hash = RefreshTokens.HashOf(token);
            await database.TransactAsync(tx => tx.ExecuteAsync(EndOneSql, new { hash, tx.Now }), ct);
            return TypedResults.NoContent();
        }

        // A service's subject is its name and no id.
        if (!Guid.TryParse(principal.FindFirst("sub")?.Value, out var userId))
        {
            return Problems.Of(
                StatusCodes.Status401Unauthorized, "not-signed-in", "Send the refresh token, or an access token.");
        }

        await database.TransactAsync(tx => tx.ExecuteAsync(EndAllSql, new { userId, tx.Now }), ct);
        return TypedResults.NoContent();
    }

    public sealed record Request([MaxLength(RefreshTokens.MaxLength)] string? RefreshToken);
}
