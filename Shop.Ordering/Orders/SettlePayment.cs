using Shop.Ordering.Coupons;
using Shop.Ordering.Shipments;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Ordering.Orders;

/// <summary>
/// What the outcome of a payment does to its order, whoever brings it: the event, the recovery sweep or the call that
/// started it. Idempotent: the second to bring it changes nothing.
/// </summary>
internal static class SettlePayment
{
    private const string PaidSql = """
        with paid as (
            update orders
               set status = 'PAID', version = version + 1, updated_at = @Now, recover_at = @Now,
                   answer_status = coalesce(answer_status, @AnswerStatus), answer = coalesce(answer, @Answer::json)
             where id = @OrderId and status = 'PAYMENT_PENDING' and payment_id = @PaymentId
            returning id, status, version
        ), attempt as (
            update payment_attempts a set status = 'COMPLETED', ended_at = @Now
              from paid where a.order_id = paid.id and a.payment_id = @PaymentId
        )
        insert into order_transitions (order_id, version, status, cause, event_id, trace_id, at)
        select id, version, status, @Cause, @EventId, @TraceId, @Now from paid
        returning version
        """;

    private const string ShipmentsSql = """
        insert into shipments (id, order_id, seller_id, status, requested_at)
        select id, @OrderId, seller_id, 'REQUESTED', @Now from unnest(@Ids, @SellerIds) as s (id, seller_id)
        """;

    // Back to where it may be tried again or expire, or undone for good.
    private const string FailedSql = """
        with failed as (
            update orders
               set status = @Next, version = version + 1, updated_at = @Now,
                   payment_id = case when @Next = 'CREATED' then null else payment_id end,
                   answer_status = coalesce(answer_status, @AnswerStatus), answer = coalesce(answer, @Answer::json)
             where id = @OrderId and status = 'PAYMENT_PENDING' and payment_id = @PaymentId
            returning id, status, version
        )
        insert into order_transitions (order_id, version, status, cause, event_id, trace_id, at)
        select id, version, status, @Cause, @EventId, @TraceId, @Now from failed
        returning version
        """;

    private const string RememberEndedSql = """
        insert into payment_attempts (order_id, payment_id, status, failure, started_at, ended_at)
        values (@OrderId, @PaymentId, 'FAILED', @Failure, @Now, @Now)
            on conflict (order_id, payment_id) do update
           set status = excluded.status, failure = excluded.failure, ended_at = excluded.ended_at
         where payment_attempts.status = 'REQUESTED'
        """;

    private const string LinesSql = "select * from order_lines where order_id = @OrderId order by line_no";

    /// <summary>The payment was captured.</summary>
    public static async Task<Outcome> CompleteAsync(
        Transaction<OrderingDb> tx, Guid orderId, Guid paymentId, string cause, Guid? eventId)
    {
        var order = await OrderRows.LockAsync(tx, orderId);
        if (order is null)
        {
            // Not there means not there for ever, once the tombstone stands.
            await OrderRows.AbandonAsync(tx, orderId);
            order = await OrderRows.LockAsync(tx, orderId)
                ?? throw new InvalidOperationException($"Order {orderId} is neither there nor abandoned.");
        }

        var decision = order.Decide(new OrderCommand.CompletePayment(paymentId));
        switch (decision.Verdict)
        {
            case OrderVerdict.Done or OrderVerdict.DoneThenRefundDue:
                await PayAsync(tx, order, paymentId, cause, eventId);
                return Outcome.Changed;
            case OrderVerdict.AlreadyDone:
                return Outcome.Unchanged;
            case OrderVerdict.RefundDue:
                // Its stock went back with the order, or was never held for this payment.
                var asked = await OrderRows.PublishRefundDueAsync(
                    tx, orderId, paymentId, "order-cannot-take-it", restock: false, order.Version);
                return asked ? Outcome.SentBack : Outcome.Unchanged;
            default:
                throw new InvalidOperationException($"Order {orderId}: payment {paymentId} is {decision.Verdict}.");
        }
    }

    /// <summary>The payment is over and took nothing.</summary>
    public static async Task<Outcome> FailAsync(
        Transaction<OrderingDb> tx, Guid orderId, Guid paymentId, string failure, string cause, Guid? eventId)
    {
        // Payments starts nothing without our yes, so there is nothing to put back for an order that is not here.
        if (await OrderRows.LockAsync(tx, orderId) is not { } order) return Outcome.Unchanged;
        if (order.Status == OrderStatus.Abandoned) return Outcome.Unchanged;

        var decision = order.Decide(new OrderCommand.FailPayment(paymentId));
        if (decision.Verdict is not (OrderVerdict.Done or OrderVerdict.AlreadyDone))
        {
            throw new InvalidOperationException(
                $"Order {orderId} is {order.Status} by payment {paymentId}, which is said to have failed.");
        }

        var remembered = await tx.ExecuteAsync(
            RememberEndedSql, new { OrderId = orderId, PaymentId = paymentId, Failure = failure, tx.Now });
        if (decision.Verdict == OrderVerdict.AlreadyDone)
        {
            return remembered == 1 ? Outcome.Changed : Outcome.Unchanged;
        }

        (short Status, string Answer)? answer =
            order.OneCall ? OrderAnswers.Cancelled(order.CancelRequested, failure) : null;
        var version = OrderRows.Changed(await tx.QuerySingleOrDefaultAsync<long?>(FailedSql, new
        {
            OrderId = orderId, PaymentId = paymentId, Next = decision.Next.ToText(), Cause = cause, EventId = eventId,
            OrderRows.TraceId, tx.Now, AnswerStatus = answer?.Status, answer?.Answer,
        }));
        if (decision.Next == OrderStatus.Cancelled)
        {
            await SettleCoupons.GiveBackAsync(tx, order);
            var reason = order.CancelRequested ? order.CancelReason ?? "cancelled" : failure;
            tx.Publish(new OrderCancelled(orderId, order.UserId!.Value, reason, tx.Now), version);
        }

        return Outcome.Changed;
    }

    private static async Task PayAsync(
        Transaction<OrderingDb> tx, Order order, Guid paymentId, string cause, Guid? eventId)
    {
        var lines = await tx.QueryAsync<OrderLine>(LinesSql, new { OrderId = order.Id });
        // An order whose cancelling is asked for is paid only to be refunded: nobody is to send anything.
        var shipments = order.CancelRequested
            ? []
            : lines.Select(line => line.SellerId).Distinct().Order()
                .Select(seller => new OrderView.Shipment(
                    Shipment.IdOf(order.Id, seller), seller, Shipment.Requested)).ToArray();
        (short Status, string Answer)? answer =
            order.OneCall ? OrderAnswers.Paid(ViewOf(order, lines, paymentId, shipments)) : null;
        var version = OrderRows.Changed(await tx.QuerySingleOrDefaultAsync<long?>(PaidSql, new
        {
            OrderId = order.Id, PaymentId = paymentId, Cause = cause, EventId = eventId, OrderRows.TraceId, tx.Now,
            AnswerStatus = answer?.Status, answer?.Answer,
        }));
        await tx.ExecuteAsync(ShipmentsSql, new
        {
            OrderId = order.Id, tx.Now, Ids = Array.ConvertAll(shipments, shipment => shipment.Id),
            SellerIds = Array.ConvertAll(shipments, shipment => shipment.SellerId),
        });

        tx.Publish(new OrderPaid(order.Id, order.UserId!.Value, paymentId, tx.Now), version);
        await SettleCoupons.UseAsync(tx, order, version);
        foreach (var shipment in shipments)
        {
            tx.Publish(new ShipmentRequested(order.Id, shipment.Id, shipment.SellerId, tx.Now), version);
        }

        if (!order.CancelRequested) return;
        await OrderRows.PublishRefundDueAsync(
            tx, order.Id, paymentId, "cancelled", order.Restock ?? true, version);
    }

    private static OrderView ViewOf(
        Order order, IReadOnlyList<OrderLine> lines, Guid paymentId, OrderView.Shipment[] shipments) => new(
        order.Id, OrderStatus.Paid, [.. lines.Select(OrderView.LineOf)], order.SubtotalMinor!.Value,
        order.DiscountMinor!.Value, order.TotalMinor!.Value, order.Currency!,
        OrderView.CouponOf(order.CouponId, order.CouponCode, order.DiscountMinor.Value), order.CouponNotApplied,
        [new(paymentId, "COMPLETED")], shipments, order.ExpiresAt!.Value, order.CreatedAt);

    internal enum Outcome
    {
        /// <summary>The order or what it remembers changed.</summary>
        Changed,

        /// <summary>It showed this outcome already.</summary>
        Unchanged,

        /// <summary>The order cannot take the money: its refund is asked for.</summary>
        SentBack,
    }
}
