using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Coupons;

/// <summary>The coupons that the user has claimed and how each stands, the newest first.</summary>
internal static class ListMyCoupons
{
    public static async Task<Results<Ok<Page<UserCouponView>>, ProblemHttpResult>> Handle(
        ClaimsPrincipal user, OrderingDb db, TimeProvider clock, CancellationToken ct, int limit = Page.DefaultLimit,
        string? cursor = null)
    {
        if (Page.Refusal(limit, cursor) is { } refusal) return refusal;

        var userId = user.UserId();
        var page = await db.UserCoupons
            .Where(claim => claim.UserId == userId)
            .NewestFirst(cursor, claim => claim.ClaimedAt, claim => claim.Id)
            .Take(limit + 1)
            .Include(claim => claim.Coupon)
            .ToListAsync(ct);
        var now = clock.GetUtcNow();
        return TypedResults.Ok(
            Page.Of(page, limit, claim => TimeCursor.Of(claim.ClaimedAt, claim.Id))
                .Map(claim => UserCouponView.Of(claim, claim.Coupon!, now)));
    }
}
