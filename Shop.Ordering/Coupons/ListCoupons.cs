using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Coupons;

/// <summary>All coupons, the newest first.</summary>
internal static class ListCoupons
{
    private const int DefaultLimit = 20;
    private const int MaxLimit = 100;

    /// <param name="NextCursor">Where the next page starts; null, and written as such, on the last one.</param>
    public sealed record Response(
        IReadOnlyList<CouponView> Items,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        OrderingDb db, CancellationToken ct, int limit = DefaultLimit, string? cursor = null)
    {
        if (limit is < 1 or > MaxLimit) return Problems.Invalid("limit", $"The limit is 1 to {MaxLimit}.");
        IQueryable<Coupon> coupons = db.Coupons;
        if (cursor is not null)
        {
            if (TimeCursor.Parse(cursor) is not var (at, id)) return Problems.Invalid("cursor", "This is no cursor.");
            coupons = coupons.Where(coupon => EF.Functions.LessThan(
                ValueTuple.Create(coupon.CreatedAt, coupon.Id), ValueTuple.Create(at, id)));
        }

        var page = await coupons
            .OrderByDescending(coupon => coupon.CreatedAt).ThenByDescending(coupon => coupon.Id)
            .Take(limit + 1)
            .ToListAsync(ct);
        var hasMore = page.Count > limit;
        if (hasMore) page.RemoveAt(limit);
        return TypedResults.Ok(new Response(
            [.. page.Select(CouponView.Of)], hasMore ? TimeCursor.Of(page[^1].CreatedAt, page[^1].Id) : null));
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
