namespace Aspire.Npgsql.EntityFrameworkCore.PostgreSQL;

/// <summary>From <c>Aspire:Npgsql:EntityFrameworkCore:PostgreSQL</c> and its section named after the context.</summary>
public sealed class NpgsqlEntityFrameworkCorePostgreSQLSettings
{
    public string? ConnectionString { get; set; }

    public bool DisableRetry { get; set; }

    public bool DisableHealthChecks { get; set; }

    public bool DisableTracing { get; set; }

    public bool DisableMetrics { get; set; }

    public int? CommandTimeout { get; set; }
}
