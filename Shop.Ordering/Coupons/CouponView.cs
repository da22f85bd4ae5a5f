namespace Shop.Ordering.Coupons;

/// <summary>A coupon as everybody sees it. Amounts in minor units of the currency.</summary>
public sealed record CouponView(
    Guid Id, string Code, CouponView.DiscountView Discount, long? MinimumOrder, IReadOnlyList<Guid>? Products,
    IReadOnlyList<string>? Categories, int TotalQuantity, int Issued, string Currency, DateTimeOffset ValidFrom,
    DateTimeOffset? ValidUntil, DateTimeOffset CreatedAt)
{
    /// <param name="Type">AMOUNT or PERCENT.</param>
    public sealed record DiscountView(string Type, long? Amount, int? Percent, long? Cap);

    internal static CouponView Of(Coupon coupon) => new(
        coupon.Id, coupon.Code, DiscountOf(coupon), coupon.MinimumOrderMinor, coupon.Products, coupon.Categories,
        coupon.TotalQuantity, coupon.Issued, coupon.Currency, coupon.ValidFrom, coupon.ValidUntil, coupon.CreatedAt);

    internal static DiscountView DiscountOf(Coupon coupon) =>
        new(coupon.DiscountType, coupon.AmountMinor, coupon.Percent, coupon.CapMinor);
}

/// <summary>A coupon as the user who claimed it sees it.</summary>
/// <param name="OrderId">The order that holds it or was paid with it.</param>
public sealed record UserCouponView(
    Guid Id, Guid CouponId, string Code, CouponView.DiscountView Discount, long? MinimumOrder,
    IReadOnlyList<Guid>? Products, IReadOnlyList<string>? Categories, string Currency, UserCouponStatus Status,
    Guid? OrderId, DateTimeOffset ValidFrom, DateTimeOffset? ValidUntil, DateTimeOffset ClaimedAt)
{
    /// <summary>The sweep may not have come by yet: what is over is shown as such.</summary>
    internal static UserCouponView Of(UserCoupon claim, Coupon coupon, DateTimeOffset now)
    {
        var expired = claim.Decide(new CouponCommand.Expire(now));
        return new(
            claim.Id, coupon.Id, coupon.Code, CouponView.DiscountOf(coupon), coupon.MinimumOrderMinor, coupon.Products,
            coupon.Categories, coupon.Currency, expired.Next, claim.OrderId, coupon.ValidFrom, coupon.ValidUntil,
            claim.ClaimedAt);
    }

    /// <summary>The moment it was claimed: the answer of a claim, always.</summary>
    internal static UserCouponView AsClaimed(UserCoupon claim, Coupon coupon) =>
        Of(claim, coupon, claim.ClaimedAt) with { Status = UserCouponStatus.Issued, OrderId = null };
}
