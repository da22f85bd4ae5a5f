using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Data;

namespace Shop.Ordering.Coupons;

/// <summary>
/// Coupons against the orders of one batch, inside the transaction that stores them: each coupon goes to the first
/// order that comes for it, and whoever comes too late hears so alone. Orders without a coupon cost nothing here.
/// </summary>
internal static class HoldCoupons
{
    // In the order of ids everywhere, so that two transactions don't wait for each other crosswise.
    private const string LockSql = $"""
        select {UserCoupon.Columns} from user_coupons where id = any(@ClaimIds) order by id for update
        """;

    private const string HoldSql = """
        update user_coupons u
           set status = 'HELD', order_id = held.order_id, version = version + 1, updated_at = @Now
          from unnest(@ClaimIds, @OrderIds) as held (claim_id, order_id)
         where u.id = held.claim_id and u.status = 'ISSUED'
        """;

    /// <summary>By order, why it cannot have its coupon; whoever is not named may be stored with it.</summary>
    public static async Task<IReadOnlyDictionary<Guid, string>> DecideAsync(
        Transaction<OrderingDb> tx, IReadOnlyList<NewOrder> orders)
    {
        var refusals = new Dictionary<Guid, string>();
        if (orders.All(order => order.Coupon is null)) return refusals;

        var reduced = orders.Where(order => order.Coupon is not null).ToArray();
        var claims = (await tx.QueryAsync<UserCoupon>(
                LockSql, new { ClaimIds = Array.ConvertAll(reduced, order => order.Coupon!.ClaimId) }))
            .ToDictionary(claim => claim.Id);
        var now = tx.Now;
        var gone = new HashSet<Guid>();
        foreach (var order in reduced)
        {
            var verdict = claims[order.Coupon!.ClaimId].Decide(new CouponCommand.Hold(order.Id, now)).Verdict;
            if (verdict == CouponVerdict.Done && !gone.Add(order.Coupon.ClaimId)) verdict = CouponVerdict.Taken;
            if (CouponRefusals.Of(verdict) is { } refusal) refusals[order.Id] = refusal;
        }

        return refusals;
    }

    /// <summary>
    /// Throws where another order was refused a coupon for the sake of one that was not stored after all: another row
    /// had its id or its key. The shared commit then runs each order by itself.
    /// </summary>
    public static void RequireAllStored(
        IReadOnlyList<NewOrder> orders, IReadOnlyCollection<Guid> stored, IReadOnlyDictionary<Guid, string> refusals)
    {
        if (refusals.Values.Contains(CouponRefusals.Held)
            && orders.FirstOrDefault(o => o.Coupon is not null && !stored.Contains(o.Id)) is { } missing)
        {
            throw new InvalidOperationException($"Order {missing.Id} was not stored, and others shared its coupon.");
        }
    }

    /// <summary>The orders that were just stored take their coupons, which this transaction has locked.</summary>
    public static async Task HoldAsync(Transaction<OrderingDb> tx, IReadOnlyList<NewOrder> stored)
    {
        var reduced = stored.Where(order => order.Coupon is not null).ToArray();
        if (reduced.Length == 0) return;
        var held = await tx.ExecuteAsync(HoldSql, new
        {
            ClaimIds = Array.ConvertAll(reduced, order => order.Coupon!.ClaimId),
            OrderIds = Array.ConvertAll(reduced, order => order.Id), tx.Now,
        });
        if (held != reduced.Length)
        {
            throw new InvalidOperationException($"Of {reduced.Length} coupons under lock {held} were held.");
        }
    }
}
