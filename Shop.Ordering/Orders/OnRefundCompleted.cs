using Shop.Ordering.Coupons;
using Shop.Ordering.Refunds;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Ordering.Orders;

/// <summary>
/// Money of the order came back: all of it, and nothing that has not left yet is sent any more; or a part, and a
/// seller's lines that were refunded whole are not sent. Were they the last to wait for, the order is complete. The
/// stock is Catalog's to put back.
/// </summary>
internal static class OnRefundCompleted
{
    private const string RefundSql = """
        with refunded as (
            update orders set status = @Next, version = version + 1, updated_at = @Now
             where id = @OrderId and status = @Status and payment_id = @PaymentId
            returning id, status, version
        )
        insert into order_transitions (order_id, version, status, cause, event_id, trace_id, at)
        select id, version, status, 'refund completed', @EventId, @TraceId, @Now from refunded
        returning version
        """;

    // Once: an order that was completed before has a transition to show it.
    private const string NothingLeftToSendSql = """
        with completed as (
            update orders set status = 'COMPLETED', version = version + 1, updated_at = @Now
             where id = @OrderId and status = 'PARTIALLY_REFUNDED' and not cancel_requested
               and exists (select from shipments where order_id = @OrderId and status = 'DELIVERED')
               and not exists (
                       select from shipments where order_id = @OrderId and status not in ('DELIVERED', 'CANCELLED'))
               and not exists (select from order_transitions where order_id = @OrderId and status = 'COMPLETED')
            returning id, status, version
        )
        insert into order_transitions (order_id, version, status, cause, event_id, trace_id, at)
        select id, version, status, 'nothing left to send', @EventId, @TraceId, @Now from completed
        returning version
        """;

    public static async Task<Verdict> Handle(RefundCompleted refunded, HandlerContext<OrderingDb> context)
    {
        if (refunded.OrderId is not { } orderId) return Verdict.AlreadyApplied;
        var tx = context.Transaction;
        // A payment that the order never took is given back without it.
        if (await OrderRows.LockAsync(tx, orderId) is not { } order || order.PaymentId != refunded.PaymentId)
        {
            return Verdict.AlreadyApplied;
        }

        // The refund may overtake the payment it stands on: they are keyed alike, but recovery settles on its own.
        if (order.Status == OrderStatus.PaymentPending) return Verdict.NotYet;
        if (!await EndRefundAttempt.CompleteAsync(tx, orderId, refunded)) return Verdict.AlreadyApplied;

        var decision = order.Decide(new OrderCommand.Refund(refunded.Whole));
        if (decision.Verdict != OrderVerdict.Done) return Verdict.Applied; // The state shows it; its units did not.

        OrderRows.Changed(await tx.QuerySingleOrDefaultAsync<long?>(RefundSql, new
        {
            OrderId = orderId, refunded.PaymentId, Status = order.StatusText, Next = decision.Next.ToText(),
            context.Envelope.EventId, OrderRows.TraceId, tx.Now,
        }));
        if (decision.Next == OrderStatus.Refunded)
        {
            await SettleCoupons.ReturnAsync(tx, order, context.Services.GetRequiredService<CouponOptions>());
        }
        else if (await tx.QuerySingleOrDefaultAsync<long?>(NothingLeftToSendSql, new
        {
            OrderId = orderId, context.Envelope.EventId, OrderRows.TraceId, tx.Now,
        }) is { } version)
        {
            tx.Publish(new OrderCompleted(orderId, tx.Now), version);
        }

        return Verdict.Applied;
    }
}
