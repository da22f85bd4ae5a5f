namespace Shop.Payments.Points;

/// <summary>Configuration section <c>Points</c>.</summary>
public sealed class PointsOptions
{
    public const string Section = "Points";

    /// <summary>How long points last that are asked for now.</summary>
    public double LifeDays { get; set; } = 365;

    /// <summary>The most that one charge may buy.</summary>
    public long MaxTopUp { get; set; } = 100_000_000;

    /// <summary>Pause between two expiry sweeps that found nothing.</summary>
    public double SweepSeconds { get; set; } = 10;

    /// <summary>Lots that one sweep takes at most.</summary>
    public int SweepBatch { get; set; } = 32;
}
