using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Ordering.Notifications;

/// <summary>
/// Tells the buyer what happened to an order: a row for each event, in the transaction of its inbox row. The order's
/// own row says whose it is, since not every event does.
/// </summary>
internal static class NotifyBuyer
{
    // 0 rows: told before, or an order that is nobody's: a tombstone, or a payment for points.
    private const string InsertSql = """
        insert into notifications (id, user_id, event_id, type, order_id, payment_id, refund_id, shipment_id,
                                   amount_minor, currency, failure, created_at)
        select @Id, user_id, @EventId, @Type, id, @PaymentId, @RefundId, @ShipmentId,
               @Amount, case when @Amount is not null then currency end, @Failure, @OccurredAt
          from orders
         where id = @OrderId and user_id is not null
            on conflict (event_id, user_id) do nothing
        """;

    public static void Subscribe(Subscriptions<OrderingDb> group) => group
        .On<OrderCreated>((placed, context) => TellAsync(
            context, Notification.Placed, placed.OrderId, new(Amount: placed.Total)))
        .On<OrderPaid>((paid, context) => TellAsync(
            context, Notification.Paid, paid.OrderId, new(PaymentId: paid.PaymentId)))
        .On<OrderCancelled>((cancelled, context) => TellAsync(
            context, Notification.Cancelled, cancelled.OrderId, new()))
        .On<OrderExpired>((expired, context) => TellAsync(context, Notification.Expired, expired.OrderId, new()))
        .On<OrderShipped>((shipped, context) => TellAsync(
            context, Notification.Shipped, shipped.OrderId, new(ShipmentId: shipped.ShipmentId)))
        .On<OrderDelivered>((delivered, context) => TellAsync(
            context, Notification.Delivered, delivered.OrderId, new(ShipmentId: delivered.ShipmentId)))
        .On<RefundCompleted>((refunded, context) => TellAsync(
            context, Notification.Refunded, refunded.OrderId,
            new(PaymentId: refunded.PaymentId, RefundId: refunded.RefundId, Amount: refunded.Amount)))
        .On<PaymentFailed>((failed, context) => TellAsync(
            context, Notification.PaymentFailed, failed.OrderId,
            new(PaymentId: failed.PaymentId, Failure: failed.Failure)));

    private static async Task<Verdict> TellAsync(
        HandlerContext<OrderingDb> context, string type, Guid? orderId, Details details)
    {
        var envelope = context.Envelope;
        var told = await context.Transaction.ExecuteAsync(InsertSql, new
        {
            Id = Guid.CreateVersion7(envelope.OccurredAt), envelope.EventId, Type = type, OrderId = orderId,
            details.PaymentId, details.RefundId, details.ShipmentId, details.Amount, details.Failure,
            OccurredAt = envelope.OccurredAt.ToMicroseconds(),
        });
        return told == 1 ? Verdict.Applied : Verdict.AlreadyApplied;
    }

    private sealed record Details(
        Guid? PaymentId = null, Guid? RefundId = null, Guid? ShipmentId = null, long? Amount = null,
        string? Failure = null);
}
