namespace Shop.ServiceDefaults.Events;

[Event("payment-events", "PaymentRequested.v1")]
public sealed record PaymentRequested(Guid PaymentId, Guid? OrderId, Guid UserId, DateTimeOffset RequestedAt) : IEvent
{
    public Guid Key => PaymentId;
}

[Event("payment-events", "PaymentCompleted.v1")]
public sealed record PaymentCompleted(
    Guid PaymentId, Guid? OrderId, Guid UserId, long Amount, long Card, long Points, string Currency,
    DateTimeOffset CompletedAt) : IEvent
{
    public Guid Key => PaymentId;
}

[Event("payment-events", "PaymentFailed.v1")]
public sealed record PaymentFailed(
    Guid PaymentId, Guid? OrderId, Guid UserId, string Failure, DateTimeOffset FailedAt) : IEvent
{
    public Guid Key => PaymentId;
}

[Event("payment-events", "RefundRequested.v1")]
public sealed record RefundRequested(Guid RefundId, Guid PaymentId, Guid? OrderId, DateTimeOffset RequestedAt) : IEvent
{
    public Guid Key => PaymentId;
}

/// <summary>A line of an order that was refunded: units and minor units of money.</summary>
public sealed record RefundedLine(Guid ProductId, int Quantity, long Amount);

[Event("payment-events", "RefundCompleted.v1")]
public sealed record RefundCompleted(
    Guid RefundId, Guid PaymentId, Guid? OrderId, long Amount, bool Whole, bool Restock, RefundedLine[] Lines,
    DateTimeOffset CompletedAt) : IEvent
{
    public Guid Key => PaymentId;
}

[Event("payment-events", "RefundFailed.v1")]
public sealed record RefundFailed(
    Guid RefundId, Guid PaymentId, Guid? OrderId, string Failure, DateTimeOffset FailedAt) : IEvent
{
    public Guid Key => PaymentId;
}
