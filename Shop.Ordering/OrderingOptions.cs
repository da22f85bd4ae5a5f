namespace Shop.Ordering;

/// <summary>Configuration section <c>Orders</c>. Tests shorten the times.</summary>
public sealed class OrderingOptions
{
    public const string Section = "Orders";

    /// <summary>The secret that addresses are sealed under. The HTTP half needs it; losing it loses them.</summary>
    public string KeyEncryptionKey { get; set; } = "";

    /// <summary>Secrets that it replaced, until every address is sealed under the current one.</summary>
    public string[] FormerKeyEncryptionKeys { get; set; } = [];

    /// <summary>How long an order may stay unpaid before it expires: 15 minutes.</summary>
    public int TtlSeconds { get; set; } = 900;

    /// <summary>The hold of an order that is paid in the same call.</summary>
    public int OneCallTtlSeconds { get; set; } = 30;

    /// <summary>How long one call waits for the payment's outcome before it answers 202.</summary>
    public double OneCallWaitSeconds { get; set; } = 10;

    /// <summary>The pause between two looks at the orders that calls of this process wait for.</summary>
    public int PollMilliseconds { get; set; } = 30;

    /// <summary>How long a payment or refund may be under way before the sweep asks Payments about it.</summary>
    public int RecoveryAgeSeconds { get; set; } = 60;

    /// <summary>The pause between two recovery sweeps that found nothing.</summary>
    public double RecoverySweepSeconds { get; set; } = 5;

    /// <summary>The pause between two expiry sweeps that found nothing.</summary>
    public double ExpirySweepSeconds { get; set; } = 1;

    /// <summary>When Catalog is to ask again about a hold whose order is being paid.</summary>
    public int HoldKeepSeconds { get; set; } = 30;
}
