using System.ComponentModel.DataAnnotations;

namespace Shop.ServiceDefaults.Authentication;

/// <summary>Section <c>Identity</c>: whose tokens are accepted, and how their keys are kept.</summary>
public sealed class TokenOptions
{
    /// <summary>The logical name of the issuer in tokens, not an address.</summary>
    [Required]
    public string Issuer { get; set; } = "http://identity";

    [Required]
    public string Audience { get; set; } = "shop";

    /// <summary>How often the keys are fetched.</summary>
    [Range(0.1, 86_400)]
    public double KeysRefreshSeconds { get; set; } = 300;

    /// <summary>The least time between fetches that tokens with unknown keys cause.</summary>
    [Range(0.01, 3_600)]
    public double UnknownKeyPauseSeconds { get; set; } = 2;

    /// <summary>How far the clocks of issuer and service may be apart.</summary>
    [Range(0, 300)]
    public double ClockSkewSeconds { get; set; } = 5;

    /// <summary>How many validated tokens are kept.</summary>
    [Range(0, 10_000_000)]
    public int CachedTokens { get; set; } = 50_000;

    internal TimeSpan Refresh => TimeSpan.FromSeconds(KeysRefreshSeconds);

    internal TimeSpan Pause => TimeSpan.FromSeconds(UnknownKeyPauseSeconds);
}
