namespace Shop.Ordering.Orders;

/// <summary>The states of an order. In JSON and in the database in upper snake case.</summary>
public enum OrderStatus
{
    /// <summary>Placed, stock held, unpaid. Ends by itself at its time limit.</summary>
    Created,

    /// <summary>A payment is under way. Never expires: only the payment's outcome decides.</summary>
    PaymentPending,

    Paid,

    /// <summary>Paid and every shipment delivered.</summary>
    Completed,

    PartiallyRefunded,

    Refunded,

    /// <summary>Undone before it was paid.</summary>
    Cancelled,

    /// <summary>Not paid in time.</summary>
    Expired,

    /// <summary>A tombstone: somebody asked for this order before it was there, so it will never be.</summary>
    Abandoned,
}

internal static class OrderStatuses
{
    public static string ToText(this OrderStatus status) => status switch
    {
        OrderStatus.Created => "CREATED",
        OrderStatus.PaymentPending => "PAYMENT_PENDING",
        OrderStatus.Paid => "PAID",
        OrderStatus.Completed => "COMPLETED",
        OrderStatus.PartiallyRefunded => "PARTIALLY_REFUNDED",
        OrderStatus.Refunded => "REFUNDED",
        OrderStatus.Cancelled => "CANCELLED",
        OrderStatus.Expired => "EXPIRED",
        OrderStatus.Abandoned => "ABANDONED",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };

    public static OrderStatus Parse(string text) => text switch
    {
        "CREATED" => OrderStatus.Created,
        "PAYMENT_PENDING" => OrderStatus.PaymentPending,
        "PAID" => OrderStatus.Paid,
        "COMPLETED" => OrderStatus.Completed,
        "PARTIALLY_REFUNDED" => OrderStatus.PartiallyRefunded,
        "REFUNDED" => OrderStatus.Refunded,
        "CANCELLED" => OrderStatus.Cancelled,
        "EXPIRED" => OrderStatus.Expired,
        "ABANDONED" => OrderStatus.Abandoned,
        _ => throw new ArgumentOutOfRangeException(nameof(text), text, null),
    };

    /// <summary>Its money was taken once, whatever came back later: its stock is sold, not held.</summary>
    public static bool WasPaid(this OrderStatus status) => status
        is OrderStatus.Paid or OrderStatus.Completed or OrderStatus.PartiallyRefunded or OrderStatus.Refunded;
}
