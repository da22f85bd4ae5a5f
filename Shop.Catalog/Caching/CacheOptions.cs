namespace Shop.Catalog.Caching;

/// <summary>Configuration section <c>Cache</c>.</summary>
internal sealed class CacheOptions
{
    public const string Section = "Cache";

    /// <summary>Put before every key, so that several shops can share one Redis.</summary>
    public string Prefix { get; set; } = "catalog:";

    /// <summary>How long a reader waits for Redis before it goes to PostgreSQL.</summary>
    public int TimeoutMilliseconds { get; set; } = 100;

    /// <summary>How long Redis is left alone after it failed: a dead one costs nothing then.</summary>
    public int BreakMilliseconds { get; set; } = 1_000;

    /// <summary>
    /// How old what a buyer sees of a product may be, stock included. The promise is 2 s; reading and answering come on
    /// top of this.
    /// </summary>
    public int ProductMilliseconds { get; set; } = 500;

    internal TimeSpan ProductAge => TimeSpan.FromMilliseconds(ProductMilliseconds);

    internal TimeSpan Timeout => TimeSpan.FromMilliseconds(TimeoutMilliseconds);

    internal TimeSpan Break => TimeSpan.FromMilliseconds(BreakMilliseconds);

    public static CacheOptions From(IConfiguration configuration) =>
        configuration.GetSection(Section).Get<CacheOptions>() ?? new();
}
