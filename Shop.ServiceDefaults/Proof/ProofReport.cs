namespace Shop.ServiceDefaults.Proof;

/// <summary>What a run of the proof has shown.</summary>
/// <param name="Holds">Every rule holds.</param>
/// <param name="Seconds">How long the run took, the grace time included.</param>
public sealed record ProofReport(
    bool Holds, DateTimeOffset At, double Seconds, IReadOnlyList<ProofReport.Rule> Rules)
{
    /// <param name="Checked">Rows, or pairs of them, that were looked at.</param>
    /// <param name="Offenders">Ids of the first offenders, at most 20.</param>
    /// <param name="Offending">How many there are.</param>
    /// <param name="Facts">What is wrong with each of <paramref name="Offenders"/>.</param>
    /// <param name="Seconds">How long it took to look at everything, beside the rules that ran meanwhile.</param>
    /// <param name="Error">Why the rule could not be looked at: what is not known is not green.</param>
    public sealed record Rule(
        string Name, string Promise, bool Holds, long Checked, IReadOnlyList<string> Offenders, long Offending,
        IReadOnlyList<string> Facts, double Seconds, string? Error);
}
