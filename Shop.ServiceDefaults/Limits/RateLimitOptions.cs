using System.ComponentModel.DataAnnotations;

namespace Shop.ServiceDefaults.Limits;

/// <summary>
/// Section <c>RateLimits</c>: how often one caller may ask one process. Far above what a person or a shop's front does;
/// a load test raises them where it can be seen.
/// </summary>
public sealed class RateLimitOptions
{
    public const string Section = "RateLimits";

    /// <summary>Whoever is signed in, by user id.</summary>
    public RateLimit User { get; set; } = new() { PerSecond = 200, Burst = 400 };

    /// <summary>Whoever is not, by network address: a whole office, or a shop's front, may come from one.</summary>
    public RateLimit Address { get; set; } = new() { PerSecond = 1_000, Burst = 2_000 };

    /// <summary>
    /// Registering, logging in and refreshing, by network address: each costs a password hash or a guess.
    /// </summary>
    public RateLimit SignIn { get; set; } = new() { PerSecond = 50, Burst = 1_000 };
}

/// <summary>A token bucket.</summary>
public sealed class RateLimit
{
    /// <summary>Requests a second in the long run.</summary>
    [Range(1, 10_000_000)]
    public int PerSecond { get; set; }

    /// <summary>Requests at once after a time of rest.</summary>
    [Range(1, 10_000_000)]
    public int Burst { get; set; }
}
