namespace Shop.Payments;

/// <summary>Configuration section <c>Payments</c>.</summary>
public sealed class PaymentsOptions
{
    public const string Section = "Payments";

    /// <summary>How long a REQUESTED payment waits for its event before the sweep starts it.</summary>
    public double RequestedAgeSeconds { get; set; } = 30;

    /// <summary>
    /// How long one process may work on a payment or refund before another takes it over. Longer than all the calls
    /// to the processor that one turn makes; a turn that outlives it only repeats calls that are idempotent.
    /// </summary>
    public double LeaseSeconds { get; set; } = 60;

    /// <summary>The pause before the processor is asked about an unknown outcome; each next one doubles.</summary>
    public double AskPauseSeconds { get; set; } = 2;

    public double AskPauseMaxSeconds { get; set; } = 300;

    /// <summary>Questions without an answer before the payment is voided by its key.</summary>
    public int MaxAsks { get; set; } = 3;

    /// <summary>The pause before a refused or unanswered refund is tried again; each next one doubles.</summary>
    public double RefundPauseSeconds { get; set; } = 5;

    public double RefundPauseMaxSeconds { get; set; } = 600;

    /// <summary>Pause between two sweeps that found nothing.</summary>
    public double SweepSeconds { get; set; } = 1;

    /// <summary>Payments or refunds that one sweep takes at most.</summary>
    public int SweepBatch { get; set; } = 32;

    /// <summary>Where a settlement day begins and ends: a name of the time zone database.</summary>
    public string SettlementTimeZone { get; set; } = "Asia/Seoul";

    /// <summary>Pause between two looks for a settlement day that is over.</summary>
    public double SettlementCloseSeconds { get; set; } = 60;

    public TimeSpan RequestedAge => TimeSpan.FromSeconds(RequestedAgeSeconds);

    public TimeSpan Lease => TimeSpan.FromSeconds(LeaseSeconds);

    /// <summary>The growing pause after question number <paramref name="asks"/>.</summary>
    public TimeSpan AskPause(int asks) => Growing(AskPauseSeconds, AskPauseMaxSeconds, asks);

    /// <summary>The growing pause after try number <paramref name="tries"/>.</summary>
    public TimeSpan RefundPause(int tries) => Growing(RefundPauseSeconds, RefundPauseMaxSeconds, tries);

    // 2^16 pauses are past every maximum; the bound keeps the power finite.
    private static TimeSpan Growing(double first, double max, int times) =>
        TimeSpan.FromSeconds(Math.Min(max, first * Math.Pow(2, Math.Clamp(times, 0, 16))));
}
