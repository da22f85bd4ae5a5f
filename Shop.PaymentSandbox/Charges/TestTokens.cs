namespace Shop.PaymentSandbox.Charges;

/// <summary>What a card token makes the sandbox do. A real processor asks a bank here.</summary>
/// <param name="FailureCode">Null: the card pays.</param>
/// <param name="Behaviour">How the answer comes.</param>
internal sealed record Plan(string? FailureCode, Behaviour Behaviour = Behaviour.Prompt)
{
    public const int FlakyFailures = 2;
    public const string RefundRefused = "tok_refund_refused";
    public const string RefundFlaky = "tok_refund_flaky_2";

    public static Plan Of(string cardToken) => cardToken switch
    {
        "tok_ok" or RefundRefused or RefundFlaky => new(null as string),
        "tok_declined" => new("card-declined"),
        "tok_insufficient_funds" => new("insufficient-funds"),
        "tok_slow" => new(null, Behaviour.Slow),
        "tok_timeout_captured" => new(null, Behaviour.HangAfterwards),
        "tok_timeout_lost" => new(null, Behaviour.HangAndForget),
        "tok_flaky_2" => new(null, Behaviour.Flaky),
        "tok_webhook_late" => new(null, Behaviour.WebhookLate),
        "tok_webhook_thrice" => new(null, Behaviour.WebhookThrice),
        _ => new("unknown-token"),
    };
}

internal enum Behaviour
{
    Prompt,

    /// <summary>Stays PENDING for some seconds, then captures.</summary>
    Slow,

    /// <summary>Decides, then never answers in time: whoever asks later is told.</summary>
    HangAfterwards,

    /// <summary>Never answers in time, and nothing was done.</summary>
    HangAndForget,

    /// <summary>Fails twice per key with HTTP 500, nothing done, then decides.</summary>
    Flaky,

    WebhookLate,
    WebhookThrice,
}
