namespace Shop.Payments;

/// <summary>Parts of a whole, in minor units, that add up to it.</summary>
internal static class Shares
{
    /// <summary>
    /// What the first <paramref name="part"/> of <paramref name="of"/> have of <paramref name="whole"/>, rounded down.
    /// The share of a step is the difference of this after it and before it: however the steps are cut, they add up to
    /// the whole once <paramref name="part"/> has reached <paramref name="of"/>, and none is negative.
    /// </summary>
    public static long Of(long whole, long part, long of)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(whole);
        ArgumentOutOfRangeException.ThrowIfNegative(part);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(part, of);
        return of == 0 ? 0 : (long)((Int128)whole * part / of);
    }
}
