namespace Shop.Ordering.Notifications;

/// <summary>Something a buyer is told of an order; what is not about this type is null.</summary>
internal sealed record Notification(
    Guid Id, Guid UserId, string Type, Guid OrderId, Guid? PaymentId, Guid? RefundId, Guid? ShipmentId,
    long? AmountMinor, string? Currency, string? Failure, DateTimeOffset CreatedAt)
{
    public const string Placed = "ORDER_PLACED";
    public const string Paid = "ORDER_PAID";
    public const string Cancelled = "ORDER_CANCELLED";
    public const string Expired = "ORDER_EXPIRED";
    public const string Shipped = "ORDER_SHIPPED";
    public const string Delivered = "ORDER_DELIVERED";
    public const string Refunded = "REFUND_COMPLETED";
    public const string PaymentFailed = "PAYMENT_FAILED";
}
