namespace Shop.Ordering.Webhooks;

/// <summary>Configuration section <c>Webhooks</c>. Tests shorten the times.</summary>
public sealed class WebhookOptions
{
    public const string Section = "Webhooks";

    /// <summary>
    /// Whether a webhook may lead to a loopback, link-local or private address. In Development it may, unless set.
    /// </summary>
    public bool? AllowPrivateAddresses { get; set; }

    /// <summary>How often a delivery is tried before it is given up.</summary>
    public int Attempts { get; set; } = 12;

    /// <summary>How long a delivery may wait for its turn before it is given up, however often it was tried.</summary>
    public double GiveUpHours { get; set; } = 24;

    /// <summary>How long deliveries that have ended can be looked at.</summary>
    public double KeepDays { get; set; } = 7;

    /// <summary>How long a receiver may take to answer.</summary>
    public double TimeoutSeconds { get; set; } = 5;

    /// <summary>The pause after the first failure; each further one doubles it.</summary>
    public double RetrySeconds { get; set; } = 5;

    public double MaxPauseSeconds { get; set; } = 3_600;

    /// <summary>The pause between two rounds that found nothing to send.</summary>
    public double PollSeconds { get; set; } = 1;
}
