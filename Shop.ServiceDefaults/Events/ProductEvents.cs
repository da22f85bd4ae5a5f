namespace Shop.ServiceDefaults.Events;

[Event("product-events", "ProductCreated.v1")]
public sealed record ProductCreated(Guid ProductId, Guid SellerId, DateTimeOffset CreatedAt) : IEvent
{
    public Guid Key => ProductId;
}

[Event("product-events", "ProductUpdated.v1")]
public sealed record ProductUpdated(Guid ProductId, DateTimeOffset UpdatedAt) : IEvent
{
    public Guid Key => ProductId;
}

[Event("product-events", "StockReceived.v1")]
public sealed record StockReceived(Guid ProductId, int Quantity, DateTimeOffset ReceivedAt) : IEvent
{
    public Guid Key => ProductId;
}

/// <summary>A product and a number of its units (1 or more).</summary>
public sealed record StockLine(Guid ProductId, int Quantity);

[Event("product-events", "StockReserved.v1")]
public sealed record StockReserved(Guid OrderId, StockLine[] Lines, DateTimeOffset ReservedAt) : IEvent
{
    public Guid Key => OrderId;
}

[Event("product-events", "StockReleased.v1")]
public sealed record StockReleased(Guid OrderId, StockLine[] Lines, DateTimeOffset ReleasedAt) : IEvent
{
    public Guid Key => OrderId;
}

[Event("product-events", "StockCommitted.v1")]
public sealed record StockCommitted(Guid OrderId, StockLine[] Lines, DateTimeOffset CommittedAt) : IEvent
{
    public Guid Key => OrderId;
}

/// <summary>A paid order's hold had ended and its units are gone: Ordering gives the money back, once.</summary>
[Event("product-events", "StockCommitFailed.v1")]
public sealed record StockCommitFailed(Guid OrderId, DateTimeOffset FailedAt) : IEvent
{
    public Guid Key => OrderId;
}
