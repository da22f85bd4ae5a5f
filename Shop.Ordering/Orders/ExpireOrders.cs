using Shop.Ordering.Coupons;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Ordering.Orders;

/// <summary>
/// Ends orders that were not paid in time. The condition of this UPDATE decides against a payment that starts at the
/// same moment: one of the two finds the row changed. Any number of replicas may run it.
/// </summary>
internal static class ExpireOrders
{
    private const int BatchSize = 200;

    private const string Sql = """
        with due as (
            select id from orders
             where status = 'CREATED' and expires_at <= @Now
             order by expires_at
             limit @BatchSize
               for update skip locked
        ), expired as (
            update orders o set status = 'EXPIRED', version = version + 1, updated_at = @Now
              from due where o.id = due.id and o.status = 'CREATED' and o.expires_at <= @Now
            returning o.id, o.user_id, o.coupon_id, o.status, o.version
        ), transitions as (
            insert into order_transitions (order_id, version, status, cause, trace_id, at)
            select id, version, status, 'not paid in time', @TraceId, @Now from expired
        )
        select id, user_id, coupon_id, version from expired
        """;

    public static async Task<int> RunAsync(IServiceProvider services, CancellationToken ct)
    {
        var database = services.GetRequiredService<Database<OrderingDb>>();
        // Dying before the commit leaves them due; after it their events are in the outbox.
        return await database.TransactAsync(async tx =>
        {
            var now = tx.Now;
            var expired = await tx.QueryAsync<Expired>(Sql, new { Now = now, BatchSize, OrderRows.TraceId });
            await SettleCoupons.GiveBackAsync(
                tx, [.. expired.Where(order => order.CouponId is not null).Select(order => order.Id)]);
            foreach (var order in expired)
            {
                tx.Publish(new OrderExpired(order.Id, order.UserId, now), order.Version);
            }

            return expired.Count;
        }, ct);
    }

    private sealed record Expired(Guid Id, Guid UserId, Guid? CouponId, long Version);
}
