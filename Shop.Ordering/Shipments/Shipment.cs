using Shop.ServiceDefaults.Idempotency;

namespace Shop.Ordering.Shipments;

/// <summary>
/// What one seller sends for one order. REQUESTED when the order is paid, then SHIPPED, then DELIVERED; CANCELLED when
/// all its lines were refunded before it left. Decided under the lock of its order's row.
/// </summary>
internal sealed record Shipment(
    Guid Id, Guid OrderId, Guid SellerId, string Status, DateTimeOffset RequestedAt, DateTimeOffset? ShippedAt,
    DateTimeOffset? DeliveredAt)
{
    public const string Requested = "REQUESTED";
    public const string Shipped = "SHIPPED";
    public const string Delivered = "DELIVERED";
    public const string Cancelled = "CANCELLED";

    public static Guid IdOf(Guid orderId, Guid sellerId) =>
        DerivedId.From(orderId, "shipment", sellerId.ToString());
}
