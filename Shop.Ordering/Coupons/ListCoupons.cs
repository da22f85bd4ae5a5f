using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Coupons;

/// <summary>All coupons, the newest first.</summary>
internal static class ListCoupons
{
    public static async Task<Results<Ok<Page<CouponView>>, ProblemHttpResult>> Handle(
        OrderingDb db, CancellationToken ct, int limit = Page.DefaultLimit, string? cursor = null)
    {
        if (Page.Refusal(limit, cursor) is { } refusal) return refusal;

        var page = await db.Coupons
            .NewestFirst(cursor, coupon => coupon.CreatedAt, coupon => coupon.Id)
            .Take(limit + 1)
            .ToListAsync(ct);
        return TypedResults.Ok(
            Page.Of(page, limit, coupon => TimeCursor.Of(coupon.CreatedAt, coupon.Id)).Map(CouponView.Of));
    }
}

/// <summary>One coupon.</summary>
internal static class ShowCoupon
{
    public static async Task<Results<Ok<CouponView>, ProblemHttpResult>> Handle(
        Guid id, OrderingDb db, CancellationToken ct) =>
        await db.Coupons.SingleOrDefaultAsync(coupon => coupon.Id == id, ct) is { } coupon
            ? TypedResults.Ok(CouponView.Of(coupon))
            : Problems.NotFound();
}
