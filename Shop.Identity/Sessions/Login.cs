using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Identity.Tokens;
using Shop.Identity.Users;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Identity.Sessions;

/// <summary>Password against tokens. Neither the answer nor its time tells whether the e-mail is known.</summary>
internal static class Login
{
    private const string RenewHashSql = """
        update users set password_hash = @Renewed, updated_at = @Now where id = @Id and password_hash = @PasswordHash
        """; // 0 rows: renewed or changed at the same time, which is as good.

    public static async Task<Results<Ok<Session>, ProblemHttpResult>> Handle(
        Request request, HttpContext http, Database<IdentityDb> database, IdentityDb db, PersonalData personal,
        Passwords passwords, LoginFailures failures, RefreshTokens refreshTokens, AccessTokens tokens,
        TimeProvider clock, CancellationToken ct)
    {
        http.Response.Headers.CacheControl = "no-store";
        var emailHash = personal.LookupHash(PersonalData.NormaliseEmail(request.Email));
        using var turn = await failures.EnterAsync(emailHash, ct);
        if (await database.TransactAsync(tx => LoginFailures.LockedUntilAsync(tx, emailHash), ct) is { } lockedUntil)
        {
            return Locked(http, lockedUntil - clock.GetUtcNow());
        }

        var user = await db.Users.SingleOrDefaultAsync(candidate => candidate.EmailHash == emailHash, ct);
        if (!passwords.Verify(user?.PasswordHash, request.Password, out var renewed) || user is null)
        {
            await database.TransactAsync(tx => failures.FailedAsync(tx, emailHash), ct);
            return Problems.Of(
                StatusCodes.Status401Unauthorized, "invalid-credentials", "The e-mail or the password is wrong.");
        }

        var refreshToken = await database.TransactAsync(async tx =>
        {
            await LoginFailures.SucceededAsync(tx, emailHash);
            if (renewed is not null)
            {
                await tx.ExecuteAsync(RenewHashSql, new { renewed, user.Id, user.PasswordHash, tx.Now });
            }

            return await refreshTokens.StartAsync(tx, user.Id);
        }, ct);

        // Dying here leaves a family whose token nobody holds: it expires.
        return TypedResults.Ok(Session.Of(tokens, user.Id, user.Roles, user.SellerId, refreshToken));
    }

    private static ProblemHttpResult Locked(HttpContext http, TimeSpan wait)
    {
        var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));
        http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return Problems.Of(
            StatusCodes.Status429TooManyRequests, "login-locked", "Too many failed logins; try again later.");
    }

    public sealed record Request(
        [Required, MaxLength(254)] string Email,
        [Required, MaxLength(2 * Passwords.MaxLength)] string Password);
}
