namespace Shop.ServiceDefaults.Events;

[Event("order-events", "OrderCreated.v1")]
public sealed record OrderCreated(Guid OrderId, Guid UserId, long Total, string Currency, DateTimeOffset CreatedAt)
    : IEvent
{
    public Guid Key => OrderId;
}

[Event("order-events", "OrderPaid.v1")]
public sealed record OrderPaid(Guid OrderId, Guid UserId, Guid PaymentId, DateTimeOffset PaidAt) : IEvent
{
    public Guid Key => OrderId;
}

[Event("order-events", "OrderCompleted.v1")]
public sealed record OrderCompleted(Guid OrderId, DateTimeOffset CompletedAt) : IEvent
{
    public Guid Key => OrderId;
}

[Event("order-events", "OrderCancelled.v1")]
public sealed record OrderCancelled(Guid OrderId, Guid UserId, string Reason, DateTimeOffset CancelledAt) : IEvent
{
    public Guid Key => OrderId;
}

[Event("order-events", "OrderExpired.v1")]
public sealed record OrderExpired(Guid OrderId, Guid UserId, DateTimeOffset ExpiredAt) : IEvent
{
    public Guid Key => OrderId;
}

/// <summary>The order wants its money back: no amount, all that is left of the payment.</summary>
[Event("order-events", "OrderRefundDue.v1")]
public sealed record OrderRefundDue(
    Guid OrderId, Guid PaymentId, Guid RefundId, bool Restock, string Reason, DateTimeOffset DueAt) : IEvent
{
    public Guid Key => OrderId;
}

/// <summary>The order no longer wants this payment: void it unless it is captured already.</summary>
[Event("order-events", "PaymentVoidDue.v1")]
public sealed record PaymentVoidDue(Guid OrderId, Guid PaymentId, DateTimeOffset DueAt) : IEvent
{
    public Guid Key => OrderId;
}

[Event("order-events", "CouponClaimed.v1")]
public sealed record CouponClaimed(Guid CouponId, Guid UserId, DateTimeOffset ClaimedAt) : IEvent
{
    public Guid Key => CouponId;
}

[Event("order-events", "CouponUsed.v1")]
public sealed record CouponUsed(Guid CouponId, Guid UserId, Guid OrderId, DateTimeOffset UsedAt) : IEvent
{
    public Guid Key => OrderId;
}

[Event("order-events", "ShipmentRequested.v1")]
public sealed record ShipmentRequested(Guid OrderId, Guid ShipmentId, Guid SellerId, DateTimeOffset RequestedAt)
    : IEvent
{
    public Guid Key => OrderId;
}

[Event("order-events", "OrderShipped.v1")]
public sealed record OrderShipped(Guid OrderId, Guid ShipmentId, Guid SellerId, DateTimeOffset ShippedAt) : IEvent
{
    public Guid Key => OrderId;
}

[Event("order-events", "OrderDelivered.v1")]
public sealed record OrderDelivered(Guid OrderId, Guid ShipmentId, Guid SellerId, DateTimeOffset DeliveredAt) : IEvent
{
    public Guid Key => OrderId;
}
