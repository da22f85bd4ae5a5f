namespace Shop.ServiceDefaults.Proof;

/// <summary>What has to be the same on both sides.</summary>
public enum Match
{
    /// <summary>Every key is on both sides, with the same facts.</summary>
    Same,

    /// <summary>Every key of the left side is on the right side too, with the same facts.</summary>
    LeftHasRight,

    /// <summary>Keys that are on both sides have the same facts.</summary>
    WhereBoth,
}

/// <summary>
/// A rule between two owners of data: each side is read by itself, in the order of its keys, and the two are compared
/// as plain data. No statement and no slice sees two databases.
/// </summary>
public sealed class ComparisonRule(string name, string promise, IFacts left, IFacts right, Match match) : IProofRule
{
    public string Name => name;

    public string Promise => promise;

    public bool Settles => true;

    public Task<Finding> FindAsync(CancellationToken ct) =>
        FactComparer.CompareAsync(left.ReadAsync(ct), right.ReadAsync(ct), match, ct);

    public async Task<IReadOnlyList<Suspect>> ReadAgainAsync(IReadOnlyCollection<string> ids, CancellationToken ct)
    {
        var finding = await FactComparer.CompareAsync(left.ReadAsync(ids, ct), right.ReadAsync(ids, ct), match, ct);
        return finding.Suspects;
    }
}

/// <summary>One side of a comparison.</summary>
public interface IFacts
{
    /// <summary>Everything, in the ordinal order of the keys.</summary>
    IAsyncEnumerable<Fact> ReadAsync(CancellationToken ct);

    /// <summary>What there is under these keys, in the ordinal order of the keys.</summary>
    IAsyncEnumerable<Fact> ReadAsync(IReadOnlyCollection<string> keys, CancellationToken ct);
}

/// <param name="Key">A uuid in its usual text, or what another company calls a key.</param>
/// <param name="Facts">
/// What the other side has to say of the same key; null: not decided yet, so that anything matches it, or nothing.
/// </param>
public readonly record struct Fact(string Key, string? Facts);
