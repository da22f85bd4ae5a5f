using FsCheck;
using FsCheck.Fluent;
using Shop.Payments.Refunds;

namespace Shop.Tests.Payments;

/// <summary>How money falls on lines: to the unit, whatever the amounts and in whatever steps.</summary>
public sealed class RefundSharesTests
{
    private static readonly Gen<PaidLine> Line =
        from quantity in Gen.Choose(1, 10_000)
        from unitPrice in Gen.Elements(1L, 3, 999, 1_000_000, 1_000_000_000_000)
        from discount in Gen.Choose(0, 1_000)
        let amount = Math.Max(0, (unitPrice * quantity) - discount)
        from refundedQuantity in Gen.Choose(0, quantity)
        from part in Gen.Choose(0, 100)
        select new PaidLine(
            Guid.CreateVersion7(), quantity, amount, refundedQuantity, (long)((Int128)amount * part / 100));

    [Fact]
    public void An_amount_is_spread_over_the_lines_to_the_unit_and_no_line_gets_more_than_it_has()
    {
        var cases =
            from lines in Line.NonEmptyListOf()
            let left = lines.Sum(line => (decimal)line.AmountLeft)
            where left is >= 1 and <= long.MaxValue
            from part in Gen.Choose(1, 1_000)
            select (Lines: lines, Amount: Math.Max(1, (long)(left * part / 1_000)), Left: left);

        Prop.ForAll(cases.ToArbitrary(), given =>
        {
            var shares = RefundShares.OfAmount(given.Amount, given.Lines);
            var left = given.Lines.ToDictionary(line => line.ProductId, line => line.AmountLeft);
            return shares.Sum(share => share.Amount) == given.Amount
                && shares.All(share => share.Quantity == 0 && share.Amount > 0 && share.Amount <= left[share.ProductId])
                // Nobody is a whole unit away from the exact share.
                && shares.All(share =>
                    Math.Abs(share.Amount - ((decimal)given.Amount / given.Left * left[share.ProductId])) < 1.001m);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));
    }

    [Fact]
    public void However_a_line_is_refunded_its_parts_add_up_to_it_and_never_to_more()
    {
        var cases = from line in Line from steps in Gen.Choose(1, 100).ListOf() select (line, steps);

        Prop.ForAll(cases.ToArbitrary(), given =>
        {
            var line = given.line with { RefundedQuantity = 0, RefundedAmount = 0 };
            foreach (var step in given.steps)
            {
                var share = RefundShares.OfUnits(line, Math.Min(step, line.QuantityLeft));
                line = line with
                {
                    RefundedQuantity = line.RefundedQuantity + share.Quantity,
                    RefundedAmount = line.RefundedAmount + share.Amount,
                };
                if (line.RefundedAmount != (long)((Int128)line.Amount * line.RefundedQuantity / line.Quantity))
                {
                    return false;
                }
            }

            return RefundShares.OfUnits(line, line.QuantityLeft).Amount == line.AmountLeft;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));
    }

    [Fact]
    public void The_units_that_rounding_keeps_go_to_the_largest_remainders()
    {
        PaidLine[] lines = [Of(1, 100), Of(2, 100), Of(3, 101)];

        Assert.Equal([(1, 33), (2, 33), (3, 34)], Shares(lines, 100));
        Assert.Equal([(1, 1), (3, 1)], Shares(lines, 2));
        Assert.Equal([(1, 100), (2, 100), (3, 101)], Shares(lines, 301));

        static PaidLine Of(int id, long amount) => new(new(id, 0, 0, new byte[8]), 1, amount, 0, 0);

        static (int, long)[] Shares(PaidLine[] lines, long amount) =>
        [
            .. RefundShares.OfAmount(amount, lines)
                .Select(share => (BitConverter.ToInt32(share.ProductId.ToByteArray()), share.Amount)),
        ];
    }

    [Fact]
    public void Money_given_back_before_is_taken_off_the_units_worth()
    {
        var line = new PaidLine(Guid.CreateVersion7(), 3, 100, 0, 40);

        Assert.Equal(0, RefundShares.OfUnits(line, 1).Amount);
        Assert.Equal(26, RefundShares.OfUnits(line, 2).Amount);
        Assert.Equal(60, RefundShares.OfUnits(line, 3).Amount);
    }
}
