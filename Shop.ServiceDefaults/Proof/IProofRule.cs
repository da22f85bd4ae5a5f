namespace Shop.ServiceDefaults.Proof;

/// <summary>
/// A promise of the shop that can be shown: it finds what breaks it. A rule of one database is a
/// <see cref="DatabaseRule"/>, one between two of them a <see cref="ComparisonRule"/>.
/// </summary>
public interface IProofRule
{
    /// <summary>A sentence in kebab case, unique and never reused.</summary>
    string Name { get; }

    /// <summary>The sentence with its conditions, for whoever reads the report.</summary>
    string Promise { get; }

    /// <summary>
    /// True where what is found may only be on its way: several databases are no snapshot, and events take time. It
    /// is read again and offends only if it still does, with the same facts, after the grace time.
    /// </summary>
    bool Settles { get; }

    /// <summary>Looks at everything the rule is about.</summary>
    Task<Finding> FindAsync(CancellationToken ct);

    /// <summary>Those of the suspects that offend now. Ids it does not know are left out.</summary>
    Task<IReadOnlyList<Suspect>> ReadAgainAsync(IReadOnlyCollection<string> ids, CancellationToken ct);
}

/// <param name="Id">What a person can look for, usually the id of a row.</param>
/// <param name="Facts">What is wrong with it, in the words of the rows.</param>
public sealed record Suspect(string Id, string Facts);

/// <param name="Checked">Rows or pairs of rows that were looked at.</param>
/// <param name="Offending">How many offend; <paramref name="Suspects"/> are the first of them.</param>
public sealed record Finding(long Checked, long Offending, IReadOnlyList<Suspect> Suspects)
{
    /// <summary>Suspects that are kept of one rule. More of them at a time is no delay any more.</summary>
    public const int MaxSuspects = 1_000;
}
