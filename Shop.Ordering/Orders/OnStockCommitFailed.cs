using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Ordering.Orders;

/// <summary>
/// The order is paid but its hold had ended and there is no stock left to take again: nothing is sent, and the money
/// goes back, once. Nothing was sold, so nothing is put back on the shelf.
/// </summary>
internal static class OnStockCommitFailed
{
    private const string StopSql = """
        with stopped as (
            update orders
               set cancel_requested = true, cancel_reason = @Reason, restock = false,
                   version = version + 1, updated_at = @Now
             where id = @OrderId and status = @Status and not cancel_requested
            returning id, status, version
        )
        insert into order_transitions (order_id, version, status, cause, event_id, trace_id, at)
        select id, version, status, @Reason, @EventId, @TraceId, @Now from stopped
        returning version
        """;

    private const string Reason = "stock-gone";

    public static async Task<Verdict> Handle(StockCommitFailed failed, HandlerContext<OrderingDb> context)
    {
        var tx = context.Transaction;
        var order = await OrderRows.LockAsync(tx, failed.OrderId);
        if (order is null || !order.Status.WasPaid())
        {
            throw new InvalidOperationException(
                $"Stock was to be committed for order {failed.OrderId}, which is {order?.StatusText ?? "not there"}.");
        }

        // Its refund is due or done already, for another reason: one is enough, since it is for all that is left.
        if (order.CancelRequested || order.Status == OrderStatus.Refunded) return Verdict.AlreadyApplied;

        var version = OrderRows.Changed(await tx.QuerySingleOrDefaultAsync<long?>(StopSql, new
        {
            failed.OrderId, Status = order.StatusText, Reason, context.Envelope.EventId, OrderRows.TraceId, tx.Now,
        }));
        await OrderRows.PublishRefundDueAsync(
            tx, failed.OrderId, order.PaymentId!.Value, Reason, restock: false, version);
        return Verdict.TooLate;
    }
}
