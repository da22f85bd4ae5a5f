namespace Shop.Ordering.Coupons;

/// <summary>Configuration section <c>Coupons</c>.</summary>
public sealed class CouponOptions
{
    public const string Section = "Coupons";

    /// <summary>Whether the coupon of an order comes back when all of its money does.</summary>
    public bool ReturnAfterFullRefund { get; set; } = true;

    /// <summary>The pause between two expiry sweeps that found nothing.</summary>
    public double ExpirySweepSeconds { get; set; } = 5;

    /// <summary>How long a gate in Redis counts before it starts again from the database.</summary>
    public int GateSeconds { get; set; } = 60;

    /// <summary>How long the gate may take to answer before claims go on without it.</summary>
    public int GateTimeoutMilliseconds { get; set; } = 250;

    /// <summary>How long claims don't ask a gate that did not answer.</summary>
    public double GateSilenceSeconds { get; set; } = 1;
}
