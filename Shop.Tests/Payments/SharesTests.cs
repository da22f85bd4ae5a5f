using FsCheck;
using FsCheck.Fluent;
using Shop.Payments;

namespace Shop.Tests.Payments;

public sealed class SharesTests
{
    [Fact]
    public void However_a_line_is_refunded_in_parts_their_shares_add_up_to_the_whole()
    {
        var cases =
            from amount in Gen.Choose(1, 1_000_000)
            from fee in Gen.Choose(0, amount)
            from parts in Gen.ListOf(Gen.Choose(0, amount), 8)
            select (amount, fee, parts);

        Prop.ForAll(cases.ToArbitrary(), one => AddUp(one.amount, one.fee, [.. one.parts])).Check(
            Config.QuickThrowOnFailure.WithMaxTest(2_000));
    }

    [Fact]
    public void The_largest_amounts_do_not_overflow() =>
        Assert.Equal(long.MaxValue / 2, Shares.Of(long.MaxValue / 2, long.MaxValue, long.MaxValue));

    [Fact]
    public void What_costs_nothing_has_no_share() => Assert.Equal(0, Shares.Of(0, 0, 0));

    [Fact]
    public void More_than_the_whole_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Shares.Of(10, 4, 3));

    private static bool AddUp(long amount, long fee, int[] parts)
    {
        var (back, given) = (0L, 0L);
        foreach (var part in parts.Select(p => (long)p).Append(amount))
        {
            back = Math.Min(amount, back + part);
            var share = Shares.Of(fee, back, amount) - given;
            if (share < 0 || share > fee) return false;
            given += share;
        }

        return given == fee;
    }
}
