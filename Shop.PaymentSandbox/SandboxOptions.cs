using System.ComponentModel.DataAnnotations;

namespace Shop.PaymentSandbox;

/// <summary>Configuration section <c>Sandbox</c>. Tests shorten the times.</summary>
internal sealed class SandboxOptions
{
    public const string Section = "Sandbox";

    /// <summary>What callers send as <c>X-Api-Key</c>.</summary>
    [Required, MinLength(8)]
    public string ApiKey { get; set; } = "";

    /// <summary>Where webhooks go; without it none are written.</summary>
    [Url]
    public string? WebhookUrl { get; set; }

    /// <summary>Signs webhooks; needed with an address.</summary>
    public string? WebhookSecret { get; set; }

    /// <summary>How long <c>tok_slow</c> takes.</summary>
    [Range(0, 600)]
    public double SlowSeconds { get; set; } = 5;

    /// <summary>How long the two timeout tokens hold their answer.</summary>
    [Range(0, 3_600)]
    public double HangSeconds { get; set; } = 60;

    /// <summary>How late the webhook of <c>tok_webhook_late</c> is sent.</summary>
    [Range(0, 86_400)]
    public double WebhookLateSeconds { get; set; } = 15;

    /// <summary>The pause before a failed webhook is sent again; it doubles each time, up to five minutes.</summary>
    [Range(0.01, 300)]
    public double WebhookRetrySeconds { get; set; } = 1;

    /// <summary>How often a webhook is sent before we give up.</summary>
    [Range(1, 1_000)]
    public int WebhookAttempts { get; set; } = 50;

    [Range(0.05, 60)]
    public double WebhookTimeoutSeconds { get; set; } = 5;

    /// <summary>How often we look for webhooks that are due.</summary>
    [Range(0.01, 60)]
    public double WebhookPollSeconds { get; set; } = 0.25;
}
