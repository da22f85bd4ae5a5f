using System.Text.Json;
using System.Text.Json.Serialization;

namespace Shop.ServiceDefaults.Events;

/// <summary>The JSON of every event, generated at build time: what is not listed here cannot be published.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(UserCreated))]
[JsonSerializable(typeof(PointCharged))]
[JsonSerializable(typeof(PointUsed))]
[JsonSerializable(typeof(ProductCreated))]
[JsonSerializable(typeof(ProductUpdated))]
[JsonSerializable(typeof(StockReceived))]
[JsonSerializable(typeof(StockReserved))]
[JsonSerializable(typeof(StockReleased))]
[JsonSerializable(typeof(StockCommitted))]
[JsonSerializable(typeof(StockCommitFailed))]
[JsonSerializable(typeof(OrderCreated))]
[JsonSerializable(typeof(OrderPaid))]
[JsonSerializable(typeof(OrderCompleted))]
[JsonSerializable(typeof(OrderCancelled))]
[JsonSerializable(typeof(OrderExpired))]
[JsonSerializable(typeof(OrderRefundDue))]
[JsonSerializable(typeof(PaymentVoidDue))]
[JsonSerializable(typeof(CouponClaimed))]
[JsonSerializable(typeof(CouponUsed))]
[JsonSerializable(typeof(ShipmentRequested))]
[JsonSerializable(typeof(OrderShipped))]
[JsonSerializable(typeof(OrderDelivered))]
[JsonSerializable(typeof(PaymentRequested))]
[JsonSerializable(typeof(PaymentCompleted))]
[JsonSerializable(typeof(PaymentFailed))]
[JsonSerializable(typeof(RefundRequested))]
[JsonSerializable(typeof(RefundCompleted))]
[JsonSerializable(typeof(RefundFailed))]
internal sealed partial class EventJson : JsonSerializerContext;
