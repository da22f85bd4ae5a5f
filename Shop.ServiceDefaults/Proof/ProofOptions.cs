using Microsoft.Extensions.Configuration;

namespace Shop.ServiceDefaults.Proof;

/// <summary>Configuration section <c>Proof</c>. Tests shorten the times.</summary>
public sealed class ProofOptions
{
    public const string Section = "Proof";

    /// <summary>How long something between databases may differ before it offends.</summary>
    public double GraceSeconds { get; set; } = 5;

    /// <summary>What follows from an order or payment by event is looked at when that has been so long ended.</summary>
    public double SettledSeconds { get; set; } = 30;

    /// <summary>How old an event may be before every group must have applied it. More than reconciling takes.</summary>
    public double EventAgeSeconds { get; set; } = 120;

    /// <summary>How long an order, payment or refund may be half-way before a person should know.</summary>
    public double StuckSeconds { get; set; } = 900;

    /// <summary>How often a refund that the shop owes may be refused before a person should know.</summary>
    public int MaxRefundTries { get; set; } = 8;

    /// <summary>The pause between two runs in the background; 0: none.</summary>
    public double IntervalSeconds { get; set; } = 300;

    /// <summary>
    /// The least pause for each second that the latest run took. A run reads whole tables: however large they grow, it
    /// takes at most about a twentieth of the time.
    /// </summary>
    public double PausePerRunSecond { get; set; } = 20;

    /// <summary>
    /// Rules that are read at the same time where somebody waits for the answer; in the background it is one. Each
    /// takes a connection of one or two databases.
    /// </summary>
    public int Parallel { get; set; } = 3;

    /// <summary>PostgreSQL <c>statement_timeout</c> of the proof, which reads whole tables.</summary>
    public int StatementTimeoutSeconds { get; set; } = 60;

    /// <summary>PostgreSQL <c>work_mem</c> of the proof: what keeps its sorts off the disk.</summary>
    public int WorkMemoryMegabytes { get; set; } = 32;

    /// <summary>For tests: a rule that found nothing to check does not hold.</summary>
    public bool EmptyIsRed { get; set; }

    internal TimeSpan Grace => TimeSpan.FromSeconds(GraceSeconds);

    public static ProofOptions From(IConfiguration configuration) =>
        configuration.GetSection(Section).Get<ProofOptions>() ?? new();
}
