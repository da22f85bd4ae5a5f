using static Shop.Ordering.Coupons.UserCouponStatus;

namespace Shop.Ordering.Coupons;

/// <summary>The states of one user's coupon. In JSON and in the database in upper case.</summary>
public enum UserCouponStatus
{
    Issued,

    /// <summary>An order that is not paid yet has it. Never expires: only that order's end decides.</summary>
    Held,

    /// <summary>By an order that was paid.</summary>
    Used,

    Expired,
}

/// <summary>
/// A coupon that a user has claimed, one of each coupon. <c>Decide</c> is its whole state machine: pure, and the only
/// place where a transition is allowed. Invariant: it belongs to an order if and only if it is HELD or USED.
/// </summary>
internal sealed class UserCoupon
{
    public const string Columns = """
        id, coupon_id, user_id, status as status_text, version, order_id, idempotency_key, expires_at, claimed_at
        """;

    public Guid Id { get; init; }

    public Guid CouponId { get; init; }

    public Guid UserId { get; init; }

    public UserCouponStatus Status { get; private set; }

    /// <summary>The state as hand-written SQL reads it.</summary>
    public string StatusText
    {
        get => Status.ToText();
        init => Status = UserCouponStatuses.Parse(value);
    }

    public long Version { get; init; }

    public Guid? OrderId { get; init; }

    public string? IdempotencyKey { get; init; }

    /// <summary>The coupon's own end, if it has one.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    public DateTimeOffset ClaimedAt { get; init; }

    public Coupon? Coupon { get; private set; }

    public CouponDecision Decide(CouponCommand command) => Decide(Status, OrderId, ExpiresAt, command);

    public static CouponDecision Decide(
        UserCouponStatus status, Guid? orderId, DateTimeOffset? expiresAt, CouponCommand command)
    {
        return command switch
        {
            CouponCommand.Hold hold => Hold(hold.OrderId, hold.Now),
            CouponCommand.Use use => Use(use.OrderId),
            CouponCommand.GiveBack back => Back(Held, Used, back.OrderId, back.Now),
            CouponCommand.Return back => Back(Used, Held, back.OrderId, back.Now),
            CouponCommand.Expire expire => Expire(expire.Now),
            _ => throw new ArgumentOutOfRangeException(nameof(command), command, null),
        };

        bool IsOver(DateTimeOffset now) => expiresAt <= now;

        CouponDecision Hold(Guid order, DateTimeOffset now) => status switch
        {
            Issued => IsOver(now) ? new(CouponVerdict.OutOfTime, status) : new(CouponVerdict.Done, Held),
            Held => new(orderId == order ? CouponVerdict.AlreadyDone : CouponVerdict.Taken, status),
            Used => new(orderId == order ? CouponVerdict.AlreadyDone : CouponVerdict.Spent, status),
            Expired => new(CouponVerdict.OutOfTime, status),
            _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
        };

        CouponDecision Use(Guid order) => status switch
        {
            Held when orderId == order => new(CouponVerdict.Done, Used),
            Used when orderId == order => new(CouponVerdict.AlreadyDone, status),
            _ => new(CouponVerdict.Refused, status),
        };

        // From the state in which an order has it; in the other one that order still needs it.
        CouponDecision Back(UserCouponStatus from, UserCouponStatus other, Guid order, DateTimeOffset now)
        {
            if (orderId != order) return new(CouponVerdict.AlreadyDone, status);
            if (status == from) return new(CouponVerdict.Done, IsOver(now) ? Expired : Issued);
            return status == other
                ? new(CouponVerdict.Refused, status)
                : throw new ArgumentOutOfRangeException(nameof(status), status, null);
        }

        CouponDecision Expire(DateTimeOffset now) => status switch
        {
            Issued when IsOver(now) => new(CouponVerdict.Done, Expired),
            Expired => new(CouponVerdict.AlreadyDone, status),
            _ => new(CouponVerdict.Refused, status),
        };
    }
}

internal static class UserCouponStatuses
{
    public static string ToText(this UserCouponStatus status) => status switch
    {
        Issued => "ISSUED",
        Held => "HELD",
        Used => "USED",
        Expired => "EXPIRED",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };

    public static UserCouponStatus Parse(string text) => text switch
    {
        "ISSUED" => Issued,
        "HELD" => Held,
        "USED" => Used,
        "EXPIRED" => Expired,
        _ => throw new ArgumentOutOfRangeException(nameof(text), text, null),
    };
}

/// <summary>Everything that is ever asked of a user's coupon.</summary>
internal abstract record CouponCommand
{
    /// <summary>An order is stored with it.</summary>
    internal sealed record Hold(Guid OrderId, DateTimeOffset Now) : CouponCommand;

    /// <summary>That order is paid.</summary>
    internal sealed record Use(Guid OrderId) : CouponCommand;

    /// <summary>That order was undone before it was paid.</summary>
    internal sealed record GiveBack(Guid OrderId, DateTimeOffset Now) : CouponCommand;

    /// <summary>The money of that order went back, all of it.</summary>
    internal sealed record Return(Guid OrderId, DateTimeOffset Now) : CouponCommand;

    internal sealed record Expire(DateTimeOffset Now) : CouponCommand;
}

/// <param name="Next">The state after it; the present one where nothing changes.</param>
internal readonly record struct CouponDecision(CouponVerdict Verdict, UserCouponStatus Next);

/// <summary>How a user's coupon answers a command.</summary>
internal enum CouponVerdict
{
    /// <summary>Allowed: it goes to the next state.</summary>
    Done,

    /// <summary>The state already shows it; nothing changes.</summary>
    AlreadyDone,

    /// <summary>Another order that is not paid yet has it.</summary>
    Taken,

    /// <summary>Another order was paid with it.</summary>
    Spent,

    /// <summary>Its time is over.</summary>
    OutOfTime,

    /// <summary>Not in this state.</summary>
    Refused,
}
