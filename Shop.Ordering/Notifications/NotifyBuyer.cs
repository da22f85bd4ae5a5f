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
    // Without a row: told before, or an order that is nobody's: a tombstone, or a payment for points.
    private const string InsertSql = """
        insert into notifications (id, user_id, type, order_id, payment_id, refund_id, shipment_id, amount_minor,
                                   currency, failure, created_at)
        select told.event_id, orders.user_id, told.type, orders.id, told.payment_id, told.refund_id,
               told.shipment_id, told.amount, case when told.amount is not null then orders.currency end,
               told.failure, told.occurred_at
          from unnest(@eventIds, @types, @orderIds, @paymentIds, @refundIds, @shipmentIds, @amounts, @failures,
                      @times)
               as told (event_id, type, order_id, payment_id, refund_id, shipment_id, amount, failure, occurred_at)
          join orders on orders.id = told.order_id
         where orders.user_id is not null
            on conflict do nothing
        """;

    public static void Subscribe(Subscriptions<OrderingDb> group) => group
        .Storing<Told>(StoreAsync)
        .On<OrderCreated>((placed, e) => new(e, Notification.Placed, placed.OrderId, Amount: placed.Total))
        .On<OrderPaid>((paid, e) => new(e, Notification.Paid, paid.OrderId, PaymentId: paid.PaymentId))
        .On<OrderCancelled>((cancelled, e) => new(e, Notification.Cancelled, cancelled.OrderId))
        .On<OrderExpired>((expired, e) => new(e, Notification.Expired, expired.OrderId))
        .On<OrderShipped>((shipped, e) => new(
            e, Notification.Shipped, shipped.OrderId, ShipmentId: shipped.ShipmentId))
        .On<OrderDelivered>((delivered, e) => new(
            e, Notification.Delivered, delivered.OrderId, ShipmentId: delivered.ShipmentId))
        .On<RefundCompleted>((refunded, e) => new(
            e, Notification.Refunded, refunded.OrderId, refunded.PaymentId, refunded.RefundId,
            Amount: refunded.Amount))
        .On<PaymentFailed>((failed, e) => new(
            e, Notification.PaymentFailed, failed.OrderId, failed.PaymentId, Failure: failed.Failure));

    private static Task<int> StoreAsync(Transaction<OrderingDb> tx, IReadOnlyList<Told> told) =>
        tx.ExecuteAsync(InsertSql, new
        {
            eventIds = told.Select(t => t.Event.EventId).ToArray(),
            types = told.Select(t => t.Type).ToArray(),
            orderIds = told.Select(t => t.OrderId).ToArray(),
            paymentIds = told.Select(t => t.PaymentId).ToArray(),
            refundIds = told.Select(t => t.RefundId).ToArray(),
            shipmentIds = told.Select(t => t.ShipmentId).ToArray(),
            amounts = told.Select(t => t.Amount).ToArray(),
            failures = told.Select(t => t.Failure).ToArray(),
            times = told.Select(t => t.Event.OccurredAt.ToMicroseconds()).ToArray(),
        });

    private sealed record Told(
        Envelope Event, string Type, Guid? OrderId, Guid? PaymentId = null, Guid? RefundId = null,
        Guid? ShipmentId = null, long? Amount = null, string? Failure = null);
}
