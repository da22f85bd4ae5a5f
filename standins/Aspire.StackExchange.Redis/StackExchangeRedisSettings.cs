namespace Aspire.StackExchange.Redis;

/// <summary>Read from <c>Aspire:StackExchange:Redis</c> and its section named after the connection.</summary>
public sealed class StackExchangeRedisSettings
{
    public string? ConnectionString { get; set; }

    public bool DisableHealthChecks { get; set; }

    public bool DisableTracing { get; set; }
}
