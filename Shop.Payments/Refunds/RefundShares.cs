using Shop.ServiceDefaults.Events;

namespace Shop.Payments.Refunds;

/// <summary>
/// A line of a payment: what was bought, what was paid for it, and what of both was given back. Minor units.
/// </summary>
internal sealed record PaidLine(
    Guid ProductId, int Quantity, long Amount, int RefundedQuantity, long RefundedAmount)
{
    public int QuantityLeft => Quantity - RefundedQuantity;

    public long AmountLeft => Amount - RefundedAmount;
}

/// <summary>How money that goes back falls on the lines. Pure; sums are exact to the unit.</summary>
internal static class RefundShares
{
    /// <summary>
    /// What units of a line are worth: the share of all its units given back by then, rounded down, less what was given
    /// back before. So the last unit gets what rounding kept, and no way to split a line gives more than the line.
    /// </summary>
    public static RefundedLine OfUnits(PaidLine line, int quantity) => new(
        line.ProductId, quantity, Math.Max(0, ShareOf(line, line.RefundedQuantity + quantity) - line.RefundedAmount));

    /// <summary>True where the next units of a line are worth nothing by rounding, whatever was given back.</summary>
    public static bool AreFree(PaidLine line, int quantity) =>
        ShareOf(line, line.RefundedQuantity + quantity) == ShareOf(line, line.RefundedQuantity);

    /// <summary>All that is left of the lines, units and money.</summary>
    public static RefundedLine[] OfRest(IEnumerable<PaidLine> lines) =>
    [
        .. lines.Where(line => line.QuantityLeft > 0 || line.AmountLeft > 0)
            .Select(line => new RefundedLine(line.ProductId, line.QuantityLeft, line.AmountLeft)),
    ];

    /// <summary>
    /// Money without units, spread over what is left of the lines in proportion; the units that rounding down keeps go
    /// to the largest remainders, the smaller product id first. The amount is at most what is left of all of them.
    /// </summary>
    public static RefundedLine[] OfAmount(long amount, IReadOnlyList<PaidLine> lines)
    {
        var total = lines.Aggregate(Int128.Zero, (sum, line) => sum + line.AmountLeft);
        if (amount < 0 || amount > total)
        {
            throw new ArgumentOutOfRangeException(nameof(amount), amount, $"Only {total} is left of the lines.");
        }

        if (amount == 0) return [];

        var shares = lines.Select(line =>
        {
            var (whole, remainder) = Int128.DivRem((Int128)amount * line.AmountLeft, total);
            return (line.ProductId, Whole: (long)whole, Remainder: remainder);
        }).ToArray();
        var kept = amount - shares.Sum(share => share.Whole);
        var favoured = shares.OrderByDescending(share => share.Remainder).ThenBy(share => share.ProductId)
            .Take((int)kept).Select(share => share.ProductId).ToHashSet();
        return
        [
            .. shares
                .Select(s => new RefundedLine(s.ProductId, 0, s.Whole + (favoured.Contains(s.ProductId) ? 1 : 0)))
                .Where(line => line.Amount > 0),
        ];
    }

    private static long ShareOf(PaidLine line, int quantity) =>
        (long)((Int128)line.Amount * quantity / line.Quantity);
}
