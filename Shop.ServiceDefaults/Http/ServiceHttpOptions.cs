using System.ComponentModel.DataAnnotations;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// Limits of the calls to one other service. Read from <c>Http</c> (all services), then <c>Http:{service}</c>,
/// which wins; both win over what the code sets.
/// </summary>
public sealed class ServiceHttpOptions
{
    /// <summary>All attempts together, pauses included.</summary>
    [Range(0.05, 300)]
    public double TotalTimeoutSeconds { get; set; } = 10;

    /// <summary>One attempt, to the last byte of its answer.</summary>
    [Range(0.05, 300)]
    public double AttemptTimeoutSeconds { get; set; } = 4;

    /// <summary>Repetitions after the first attempt, of what may be repeated.</summary>
    [Range(0, 10)]
    public int RetryCount { get; set; } = 2;

    /// <summary>The median pause before the first repetition; later ones grow, all with jitter.</summary>
    [Range(1, 60_000)]
    public int RetryPauseMs { get; set; } = 100;

    /// <summary>Attempts that must fail within the window before the breaker opens.</summary>
    [Range(2, 10_000)]
    public int BreakerFailures { get; set; } = 5;

    /// <summary>The share of failed attempts in the window that opens the breaker.</summary>
    [Range(0.1, 1)]
    public double BreakerFailureRatio { get; set; } = 0.9;

    /// <summary>The window in which attempts are counted.</summary>
    [Range(0.5, 600)]
    public double BreakerWindowSeconds { get; set; } = 10;

    /// <summary>How long nothing is sent once it is open; then one request tries.</summary>
    [Range(0.5, 600)]
    public double BreakerSeconds { get; set; } = 3;

    /// <summary>Largest answer that is read.</summary>
    [Range(1024, 1 << 30)]
    public int MaxResponseBytes { get; set; } = 8 << 20;

    /// <summary>Whether this service's own token goes with each request; false for those outside the shop.</summary>
    public bool SendServiceToken { get; set; } = true;
}
