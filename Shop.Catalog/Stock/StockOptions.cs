namespace Shop.Catalog.Stock;

/// <summary>Configuration section <c>Stock</c>.</summary>
internal sealed class StockOptions
{
    public const string Section = "Stock";

    /// <summary>How often overdue holds are looked for.</summary>
    public double SweepSeconds { get; set; } = 5;

    /// <summary>How long a hold must be overdue: usually Ordering's own expiry comes first, by event.</summary>
    public double SweepGraceSeconds { get; set; } = 2;

    /// <summary>Holds asked about at a time. Ordering takes up to 500.</summary>
    public int SweepBatch { get; set; } = 200;

    /// <summary>How long a replica has the holds it asks about to itself; if it dies, the next one asks then.</summary>
    public double SweepClaimSeconds { get; set; } = 15;

    /// <summary>The least time between two questions about a hold that is to be kept.</summary>
    public double AskAgainSeconds { get; set; } = 5;
}
