namespace Shop.Catalog.Popularity;

/// <summary>Configuration section <c>Popularity</c>.</summary>
internal sealed class PopularityOptions
{
    public const string Section = "Popularity";

    /// <summary>The IANA time zone of days and weekdays. A rebuild moves what was counted in another.</summary>
    public string TimeZone { get; set; } = "Asia/Seoul";

    /// <summary>What one unit sold adds to a product's score. 0: only money counts.</summary>
    public decimal QuantityWeight { get; set; } = 1;

    /// <summary>What <see cref="AmountUnit"/> of paid money adds to a product's score. 0: only units count.</summary>
    public decimal AmountWeight { get; set; } = 1;

    /// <summary>Minor units of money that weigh as much as <see cref="AmountWeight"/> says: 10,000 won.</summary>
    public long AmountUnit { get; set; } = 10_000;

    /// <summary>How many products a ranking has at most, over all its pages.</summary>
    public int MaxRanked { get; set; } = 200;

    /// <summary>How long a ranking is served from Redis before it is read again.</summary>
    public double CacheSeconds { get; set; } = 5;

    /// <summary>How often paid orders are counted.</summary>
    public double CountSeconds { get; set; } = 1;

    /// <summary>Orders asked about and counted at a time. Ordering takes up to 200.</summary>
    public int CountBatch { get; set; } = 100;

    /// <summary>How long a replica has the orders it counts to itself; if it dies, the next one asks then.</summary>
    public double ClaimSeconds { get; set; } = 15;

    /// <summary>How often the sums are made again from the facts.</summary>
    public double RebuildHours { get; set; } = 24;

    /// <summary>How long one rebuild may take; counting waits meanwhile, reading does not.</summary>
    public int RebuildTimeoutSeconds { get; set; } = 300;

    public static PopularityOptions From(IConfiguration configuration)
    {
        var options = configuration.GetSection(Section).Get<PopularityOptions>() ?? new();
        _ = TimeZoneInfo.FindSystemTimeZoneById(options.TimeZone);
        if (options.QuantityWeight < 0 || options.AmountWeight < 0 || options.AmountUnit < 1)
        {
            throw new InvalidOperationException($"{Section}: weights are at least 0, AmountUnit at least 1.");
        }

        return options;
    }
}
