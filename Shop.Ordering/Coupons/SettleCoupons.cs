using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Ordering.Coupons;

/// <summary>
/// What the end of an order does to its coupon, inside the transaction that ends the order and under its lock: used,
/// given back or returned, once. Orders without a coupon cost nothing here.
/// </summary>
internal static class SettleCoupons
{
    private const string LockSql = $"""
        select {UserCoupon.Columns} from user_coupons where order_id = any(@OrderIds) order by id for update
        """;

    private const string MoveSql = """
        update user_coupons u
           set status = moved.next, version = version + 1, updated_at = @Now,
               order_id = case when moved.next = 'USED' then order_id end
          from unnest(@Ids, @Statuses, @Nexts) as moved (id, status, next)
         where u.id = moved.id and u.status = moved.status
        """;

    /// <summary>The order is paid.</summary>
    /// <param name="version">The order's, after it.</param>
    public static async Task UseAsync(Transaction<OrderingDb> tx, Order order, long version)
    {
        if (order.CouponId is not { } couponId) return;
        if (await MoveAsync(tx, [order.Id], orderId => new CouponCommand.Use(orderId)) != 1)
        {
            throw new InvalidOperationException($"Order {order.Id} is paid without the coupon it was reduced by.");
        }

        tx.Publish(new CouponUsed(couponId, order.UserId!.Value, order.Id, tx.Now), version);
    }

    /// <summary>The order was undone before it was paid.</summary>
    public static Task GiveBackAsync(Transaction<OrderingDb> tx, Order order) =>
        order.CouponId is null ? Task.CompletedTask : GiveBackAsync(tx, [order.Id]);

    /// <param name="orderIds">Orders with a coupon.</param>
    public static Task GiveBackAsync(Transaction<OrderingDb> tx, Guid[] orderIds)
    {
        var now = tx.Now;
        return MoveAsync(tx, orderIds, orderId => new CouponCommand.GiveBack(orderId, now));
    }

    /// <summary>The money of the order went back, all of it.</summary>
    public static Task ReturnAsync(Transaction<OrderingDb> tx, Order order, CouponOptions options)
    {
        if (order.CouponId is null || !options.ReturnAfterFullRefund) return Task.CompletedTask;
        var now = tx.Now;
        return MoveAsync(tx, [order.Id], orderId => new CouponCommand.Return(orderId, now));
    }

    /// <summary>How many moved. One that is not with its order any more did so before.</summary>
    private static async Task<int> MoveAsync(
        Transaction<OrderingDb> tx, Guid[] orderIds, Func<Guid, CouponCommand> commandOf)
    {
        if (orderIds.Length == 0) return 0;
        var moves = new List<(UserCoupon Claim, UserCouponStatus Next)>();
        foreach (var claim in await tx.QueryAsync<UserCoupon>(LockSql, new { OrderIds = orderIds }))
        {
            var (verdict, next) = claim.Decide(commandOf(claim.OrderId!.Value));
            if (verdict == CouponVerdict.Done) moves.Add((claim, next));
            else throw new InvalidOperationException($"Coupon {claim.Id} of order {claim.OrderId} is {verdict}.");
        }

        if (moves.Count == 0) return 0;
        var moved = await tx.ExecuteAsync(MoveSql, new
        {
            tx.Now, Ids = moves.Select(move => move.Claim.Id).ToArray(),
            Statuses = moves.Select(move => move.Claim.StatusText).ToArray(),
            Nexts = moves.Select(move => move.Next.ToText()).ToArray(),
        });
        return moved == moves.Count
            ? moved
            : throw new InvalidOperationException($"Of {moves.Count} coupons under lock {moved} moved.");
    }
}
