namespace Shop.Ordering.Feed;

/// <summary>Configuration section <c>Feed</c>: where the data platform gets all events. Off without a target.</summary>
public sealed class FeedOptions
{
    public const string Section = "Feed";

    /// <summary>An address that takes batches as <c>POST application/x-ndjson</c>. Instead of a folder.</summary>
    public string? Url { get; set; }

    /// <summary>A folder that gets a file for each batch. Instead of an address.</summary>
    public string? Folder { get; set; }

    /// <summary>The most events of a batch.</summary>
    public int BatchSize { get; set; } = 500;

    /// <summary>How long an event waits for a batch to fill.</summary>
    public double BatchSeconds { get; set; } = 5;

    /// <summary>How long the address may take to answer.</summary>
    public double TimeoutSeconds { get; set; } = 10;

    /// <summary>The pause after the first failure; each further one doubles it.</summary>
    public double RetrySeconds { get; set; } = 1;

    public double MaxPauseSeconds { get; set; } = 300;

    /// <summary>The pause between two looks that found no batch.</summary>
    public double PollSeconds { get; set; } = 1;
}
