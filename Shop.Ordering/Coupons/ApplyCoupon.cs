using Dapper;
using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Data;

namespace Shop.Ordering.Coupons;

/// <summary>
/// What a coupon does to an order before it is stored: looked up before anything is held for the order, and priced once
/// its lines are known. The order's transaction has the last word.
/// </summary>
internal sealed class ApplyCoupon(Database<OrderingDb> database, TimeProvider clock)
{
    // By the coupon's id, or by that of the user's own coupon, which says the same.
    private const string FindSql = """
        select u.id as claim_id, u.status as status_text, u.order_id, u.expires_at, c.*
          from coupons c
          left join user_coupons u on u.coupon_id = c.id and u.user_id = @UserId
         where c.id = @CouponId
            or c.id = (select coupon_id from user_coupons where id = @CouponId and user_id = @UserId)
        """;

    /// <summary>The coupon if this order may have it as things stand, else why it may not.</summary>
    public async Task<CouponOffer> FindAsync(Guid couponId, Guid userId, Guid orderId, CancellationToken ct)
    {
        await using var connection = await database.Source.OpenConnectionAsync(ct);
        var found = (await connection.QueryAsync<ClaimRow?, Coupon, (ClaimRow? Claim, Coupon Coupon)>(
            new CommandDefinition(FindSql, new { CouponId = couponId, UserId = userId }, cancellationToken: ct),
            (claim, coupon) => (claim, coupon), splitOn: "id")).AsList();
        if (found.Count == 0) return new(null, null, CouponRefusals.Unknown);

        var (claim, coupon) = found[0];
        if (claim is not { ClaimId: { } id, StatusText: { } status }) return new(null, null, CouponRefusals.NotClaimed);
        var now = clock.GetUtcNow();
        // Held by this very order: its first try is being repeated.
        var hold = UserCoupon.Decide(
            UserCouponStatuses.Parse(status), claim.OrderId, claim.ExpiresAt, new CouponCommand.Hold(orderId, now));
        var refusal = CouponRefusals.Of(hold.Verdict) ?? (coupon.ValidFrom > now ? CouponRefusals.NotYetValid : null);
        return refusal is null ? new(id, coupon, null) : new(null, null, refusal);
    }

    /// <summary>The order at its reduced prices; or as it was, with the reason in <c>couponNotApplied</c>.</summary>
    public static NewOrder To(NewOrder order, CouponOffer offer)
    {
        if (offer is not { ClaimId: { } claimId, Coupon: { } coupon }) return order.WithoutCoupon(offer.Refusal!);
        var (refusal, discounts) = coupon.Appraise(order.Lines);
        return refusal is null
            ? order.WithCoupon(new(claimId, coupon.Id, coupon.Code), discounts)
            : order.WithoutCoupon(refusal);
    }

    private sealed record ClaimRow(Guid? ClaimId, string? StatusText, Guid? OrderId, DateTimeOffset? ExpiresAt);
}

/// <param name="Refusal">One of <see cref="CouponRefusals"/> where the order cannot have it.</param>
internal sealed record CouponOffer(Guid? ClaimId, Coupon? Coupon, string? Refusal);

/// <summary>The coupon that an order is reduced by.</summary>
/// <param name="ClaimId">The user's own.</param>
internal sealed record AppliedCoupon(Guid ClaimId, Guid CouponId, string Code);
