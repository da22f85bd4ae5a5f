namespace Shop.ServiceDefaults.Events;

[Event("user-events", "UserCreated.v1")]
public sealed record UserCreated(Guid UserId, DateTimeOffset CreatedAt) : IEvent
{
    public Guid Key => UserId;
}

[Event("user-events", "PointCharged.v1")]
public sealed record PointCharged(Guid UserId, Guid PaymentId, long Amount, DateTimeOffset ChargedAt) : IEvent
{
    public Guid Key => UserId;
}

[Event("user-events", "PointUsed.v1")]
public sealed record PointUsed(Guid UserId, Guid PaymentId, Guid OrderId, long Amount, DateTimeOffset UsedAt) : IEvent
{
    public Guid Key => UserId;
}
