using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;

namespace Shop.Payments.Points;

/// <summary><c>GET /points</c>: what the caller can spend, and what waits for an outcome.</summary>
internal static class ShowPoints
{
    public sealed record Response(long Available, long Held);

    public static async Task<Ok<Response>> Handle(ClaimsPrincipal user, PaymentsDb db, CancellationToken ct)
    {
        var userId = user.UserId();
        var account = await db.PointsAccounts.Where(account => account.UserId == userId)
            .Select(account => new Response(account.Available, account.Held)).SingleOrDefaultAsync(ct);
        return TypedResults.Ok(account ?? new Response(0, 0));
    }
}
