using System.Security.Claims;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Coupons;

/// <summary>The coupons that the user has claimed and how each stands, the newest first.</summary>
internal static class ListMyCoupons
{
    private const int DefaultLimit = 20;
    private const int MaxLimit = 100;

    /// <param name="NextCursor">Where the next page starts; null, and written as such, on the last one.</param>
    public sealed record Response(
        IReadOnlyList<UserCouponView> Items,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        ClaimsPrincipal user, OrderingDb db, TimeProvider clock, CancellationToken ct, int limit = DefaultLimit,
        string? cursor = null)
    {
        if (limit is < 1 or > MaxLimit) return Problems.Invalid("limit", $"The limit is 1 to {MaxLimit}.");
        var userId = user.UserId();
        var mine = db.UserCoupons.Where(claim => claim.UserId == userId);
        if (cursor is not null)
        {
            if (TimeCursor.Parse(cursor) is not var (at, id)) return Problems.Invalid("cursor", "This is no cursor.");
            mine = mine.Where(claim => EF.Functions.LessThan(
                ValueTuple.Create(claim.ClaimedAt, claim.Id), ValueTuple.Create(at, id)));
        }

        var page = await mine
            .OrderByDescending(claim => claim.ClaimedAt).ThenByDescending(claim => claim.Id)
            .Take(limit + 1)
            .Include(claim => claim.Coupon)
            .ToListAsync(ct);
        var hasMore = page.Count > limit;
        if (hasMore) page.RemoveAt(limit);
        var now = clock.GetUtcNow();
        return TypedResults.Ok(new Response(
            [.. page.Select(claim => UserCouponView.Of(claim, claim.Coupon!, now))],
            hasMore ? TimeCursor.Of(page[^1].ClaimedAt, page[^1].Id) : null));
    }
}
