namespace Shop.Payments.Gateway;

/// <summary>Configuration section <c>Sandbox</c>: how to talk to the card processor.</summary>
public sealed class SandboxOptions
{
    public const string Section = "Sandbox";

    public string ApiKey { get; set; } = "";

    /// <summary>The secret that the processor signs its webhooks with.</summary>
    public string WebhookSecret { get; set; } = "";

    /// <summary>How old or how far ahead the time of a webhook's signature may be.</summary>
    public double WebhookToleranceSeconds { get; set; } = 300;

    /// <summary>How long one call may take.</summary>
    public double TimeoutSeconds { get; set; } = 4;

    /// <summary>
    /// Calls in all when the processor answers 5xx: it said that it failed, so another try costs little.
    /// A call that was not answered is not repeated here: that is for the sweep, which asks first.
    /// </summary>
    public int Attempts { get; set; } = 3;
}
