using Shop.Ordering.Shipments;
using static Shop.Ordering.Orders.OrderStatus;

namespace Shop.Ordering.Orders;

/// <summary>
/// An order: what was agreed (lines, amounts in minor units of <see cref="Currency"/>; never changed) and where it
/// stands. <c>Decide</c> is the whole state machine: pure, and the only place where a transition is allowed.
/// The slices carry a decision out as a conditional UPDATE that repeats its condition.
/// Invariants: the total is subtotal less discount and at least 1; from PAYMENT_PENDING on there is a payment id, and
/// only the outcome of that payment ends PAYMENT_PENDING; the version rises with every change.
/// </summary>
internal sealed class Order
{
    public const string DefaultCurrency = "KRW";

    public Guid Id { get; private set; }

    public Guid? UserId { get; private set; }

    public OrderStatus Status { get; private set; }

    /// <summary>The state as hand-written SQL reads it.</summary>
    public string StatusText
    {
        get => Status.ToText();
        private set => Status = OrderStatuses.Parse(value);
    }

    public long Version { get; private set; }

    public long? SubtotalMinor { get; private set; }

    public long? DiscountMinor { get; private set; }

    public long? TotalMinor { get; private set; }

    public string? Currency { get; private set; }

    public Guid? PaymentId { get; private set; }

    /// <summary>Placed and paid in one call: without its payment it is cancelled, not to be tried again.</summary>
    public bool OneCall { get; private set; }

    /// <summary>Somebody wants it cancelled once its payment's outcome is known.</summary>
    public bool CancelRequested { get; private set; }

    public string? CancelReason { get; private set; }

    public bool? Restock { get; private set; }

    /// <summary>The coupon that it is reduced by: exactly then there is a discount.</summary>
    public Guid? CouponId { get; private set; }

    public string? CouponCode { get; private set; }

    public string? CouponNotApplied { get; private set; }

    public string? IdempotencyKey { get; private set; }

    public byte[]? Fingerprint { get; private set; }

    public short? AnswerStatus { get; private set; }

    public string? Answer { get; private set; }

    public DateTimeOffset? ExpiresAt { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public IReadOnlyList<OrderLine> Lines { get; private set; } = [];

    public IReadOnlyList<PaymentAttempt> PaymentAttempts { get; private set; } = [];

    public IReadOnlyList<Shipment> Shipments { get; private set; } = [];

    /// <summary>What the command means for an order in this state: a verdict, and the state it leads to.</summary>
    public Decision Decide(OrderCommand command) => Decide(
        Status,
        new(PaymentId, OneCall, CancelRequested, ExpiresAt ?? DateTimeOffset.MinValue),
        command);

    public static Decision Decide(OrderStatus status, OrderFacts facts, OrderCommand command) => command switch
    {
        OrderCommand.StartPayment start => StartPayment(status, facts, start),
        OrderCommand.CompletePayment complete => CompletePayment(status, facts, complete),
        OrderCommand.FailPayment fail => FailPayment(status, facts, fail),
        OrderCommand.Cancel cancel => Cancel(status, cancel),
        OrderCommand.Expire expire => status switch
        {
            Created when facts.ExpiresAt <= expire.Now => new(OrderVerdict.Done, Expired),
            Expired => new(OrderVerdict.AlreadyDone, status),
            _ => new(OrderVerdict.Refused, status),
        },
        OrderCommand.Refund refund => status switch
        {
            Paid or Completed or PartiallyRefunded when refund.Whole => new(OrderVerdict.Done, Refunded),
            Paid or Completed => new(OrderVerdict.Done, PartiallyRefunded),
            PartiallyRefunded => new(OrderVerdict.Done, PartiallyRefunded),
            Refunded => new(OrderVerdict.AlreadyDone, status),
            // A payment that this order never took was given back: nothing here changes.
            _ => new(OrderVerdict.Refused, status),
        },
        OrderCommand.DeliverAll => status switch
        {
            Paid or PartiallyRefunded => new(OrderVerdict.Done, Completed),
            Completed => new(OrderVerdict.AlreadyDone, status),
            _ => new(OrderVerdict.Refused, status),
        },
        _ => throw new ArgumentOutOfRangeException(nameof(command), command, null),
    };

    private static Decision StartPayment(OrderStatus status, OrderFacts facts, OrderCommand.StartPayment start)
    {
        // An attempt that ended is refused for ever: its payment may be known as FAILED by then.
        if (start.Ended) return new(OrderVerdict.AttemptEnded, status);
        var same = facts.PaymentId == start.PaymentId;
        return status switch
        {
            Created when facts.ExpiresAt > start.Now => new(OrderVerdict.Done, PaymentPending),
            Created or Expired => new(OrderVerdict.OutOfTime, status),
            PaymentPending => new(same ? OrderVerdict.AlreadyDone : OrderVerdict.PaymentInFlight, status),
            Paid or Completed or PartiallyRefunded or Refunded =>
                new(same ? OrderVerdict.AlreadyDone : OrderVerdict.Refused, status),
            Cancelled or Abandoned => new(OrderVerdict.Refused, status),
            _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
        };
    }

    private static Decision CompletePayment(OrderStatus status, OrderFacts facts, OrderCommand.CompletePayment complete)
    {
        if (facts.PaymentId != complete.PaymentId) return new(OrderVerdict.RefundDue, status);
        return status switch
        {
            PaymentPending => new(facts.CancelRequested ? OrderVerdict.DoneThenRefundDue : OrderVerdict.Done, Paid),
            Paid or Completed or PartiallyRefunded or Refunded => new(OrderVerdict.AlreadyDone, status),
            Created or Cancelled or Expired or Abandoned => new(OrderVerdict.RefundDue, status),
            _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
        };
    }

    private static Decision FailPayment(OrderStatus status, OrderFacts facts, OrderCommand.FailPayment fail)
    {
        // Not the payment of now: only remembered, so that it can never be started here.
        if (facts.PaymentId != fail.PaymentId) return new(OrderVerdict.AlreadyDone, status);
        return status switch
        {
            PaymentPending => new(OrderVerdict.Done, facts.OneCall || facts.CancelRequested ? Cancelled : Created),
            Created or Cancelled or Expired => new(OrderVerdict.AlreadyDone, status),
            // A payment is COMPLETED or FAILED, never both.
            Paid or Completed or PartiallyRefunded or Refunded or Abandoned => new(OrderVerdict.Contradiction, status),
            _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
        };
    }

    private static Decision Cancel(OrderStatus status, OrderCommand.Cancel cancel) => status switch
    {
        Created => new(OrderVerdict.Done, Cancelled),
        PaymentPending => new(OrderVerdict.AwaitsPayment, status),
        Paid or PartiallyRefunded when !cancel.AnyShipped => new(OrderVerdict.RefundDue, status),
        Paid or PartiallyRefunded or Completed => new(OrderVerdict.Shipped, status),
        Cancelled or Refunded => new(OrderVerdict.AlreadyDone, status),
        Expired => new(OrderVerdict.OutOfTime, status),
        Abandoned => new(OrderVerdict.Refused, status),
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };
}

/// <summary>What a decision depends on besides the state.</summary>
internal readonly record struct OrderFacts(
    Guid? PaymentId, bool OneCall, bool CancelRequested, DateTimeOffset ExpiresAt);

/// <summary>Everything that is ever asked of an order.</summary>
internal abstract record OrderCommand
{
    /// <param name="Ended">This payment was tried here before and is over.</param>
    internal sealed record StartPayment(Guid PaymentId, bool Ended, DateTimeOffset Now) : OrderCommand;

    internal sealed record CompletePayment(Guid PaymentId) : OrderCommand;

    internal sealed record FailPayment(Guid PaymentId) : OrderCommand;

    internal sealed record Cancel(bool AnyShipped) : OrderCommand;

    internal sealed record Expire(DateTimeOffset Now) : OrderCommand;

    internal sealed record Refund(bool Whole) : OrderCommand;

    internal sealed record DeliverAll : OrderCommand;
}

/// <param name="Next">The state after it; the present one where nothing changes.</param>
internal readonly record struct Decision(OrderVerdict Verdict, OrderStatus Next);

/// <summary>How an order answers a command.</summary>
internal enum OrderVerdict
{
    /// <summary>Allowed: it goes to the next state.</summary>
    Done,

    /// <summary>It is PAID, and since its cancelling was asked for, the money goes back.</summary>
    DoneThenRefundDue,

    /// <summary>The state already shows it; nothing changes.</summary>
    AlreadyDone,

    /// <summary>The time to pay is over.</summary>
    OutOfTime,

    /// <summary>Another payment is under way.</summary>
    PaymentInFlight,

    /// <summary>That payment was tried here and ended.</summary>
    AttemptEnded,

    /// <summary>To be cancelled, but only the payment's outcome can decide how.</summary>
    AwaitsPayment,

    /// <summary>Money was taken that goes back; the state changes when it has.</summary>
    RefundDue,

    /// <summary>Goods are on their way: use refunds.</summary>
    Shipped,

    /// <summary>Not in this state.</summary>
    Refused,

    /// <summary>It cannot be, if everybody keeps the rules: a person has to look.</summary>
    Contradiction,
}
