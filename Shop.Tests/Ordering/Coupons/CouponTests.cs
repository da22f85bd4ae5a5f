using FsCheck;
using FsCheck.Fluent;
using Shop.Ordering.Coupons;
using Shop.Ordering.Orders;

namespace Shop.Tests.Ordering.Coupons;

/// <summary>What a coupon takes off an order, as a pure rule.</summary>
public sealed class CouponTests
{
    private static readonly Guid[] Products =
        [.. Enumerable.Range(1, 6).Select(i => new Guid(i, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))];

    private static readonly string[] Categories = ["books", "toys"];

    private static readonly Config Often = Config.QuickThrowOnFailure.WithMaxTest(2_000);

    [Fact]
    public void Parts_add_up_and_none_is_below_its_share_or_above_its_weight()
    {
        var cases =
            from weights in Gen.NonEmptyListOf(Gen.Choose(0, 1_000_000).Select(w => (long)w * w))
            from permille in Gen.Choose(0, 1_000)
            select (Weights: weights.Append(1L).ToArray(), Permille: permille);

        Prop.ForAll(cases.ToArbitrary(), one =>
        {
            var sum = one.Weights.Sum();
            var amount = (long)((Int128)sum * one.Permille / 1_000);
            var parts = LargestRemainder.Spread(amount, one.Weights);
            return parts.Sum() == amount && parts.Zip(one.Weights).All(p =>
                p.First >= 0 && p.First <= p.Second
                && Int128.Abs(((Int128)p.First * sum) - ((Int128)amount * p.Second)) < sum);
        }).Check(Often);
    }

    [Fact]
    public void Whatever_the_terms_the_lines_discounts_are_the_coupons_and_something_is_left_to_pay()
    {
        Prop.ForAll(Cases().ToArbitrary(), one =>
        {
            var (refusal, discounts) = one.Coupon.Appraise(one.Lines);
            var gross = one.Lines.Select(line => line.UnitPriceMinor * line.Quantity).ToArray();
            if (refusal is not null) return discounts.Count == 0 && IsRefused(one.Coupon, one.Lines, gross, refusal);

            var eligible = Eligible(one.Coupon, one.Lines, gross);
            var full = one.Coupon.DiscountType == Coupon.AmountType
                ? Math.Min(one.Coupon.AmountMinor!.Value, eligible.Sum())
                : Math.Min(
                    (long)(eligible.Sum() * (decimal)one.Coupon.Percent!.Value / 100m),
                    one.Coupon.CapMinor ?? long.MaxValue);
            return discounts.Sum() == Math.Min(full, gross.Sum() - 1)
                && discounts.Sum() >= 1
                && discounts.Zip(eligible).All(d => d.First >= 0 && d.First <= d.Second);
        }).Check(Often);
    }

    [Fact]
    public void An_order_keeps_its_reduced_lines_and_loses_them_with_its_coupon()
    {
        Prop.ForAll(Cases().ToArbitrary(), one =>
        {
            var plain = new NewOrder(
                Guid.CreateVersion7(), Guid.CreateVersion7(), one.Lines, null, 60, null, null, null, null);
            var offer = new CouponOffer(Guid.CreateVersion7(), one.Coupon, null);
            var order = ApplyCoupon.To(plain, offer);
            if (order.Coupon is null) return order.CouponNotApplied is not null && order.TotalMinor == plain.TotalMinor;

            var without = order.WithoutCoupon("coupon-used");
            return order.DiscountMinor == order.Lines.Sum(line => line.DiscountMinor)
                && order.TotalMinor == order.Lines.Sum(line => line.AmountMinor)
                && order.TotalMinor == order.SubtotalMinor - order.DiscountMinor
                && order.TotalMinor >= 1
                && order.SubtotalMinor == plain.SubtotalMinor
                && !order.ContentHash().AsSpan().SequenceEqual(plain.ContentHash())
                && without.ContentHash().AsSpan().SequenceEqual(plain.ContentHash())
                && without is { DiscountMinor: 0, Coupon: null, CouponNotApplied: "coupon-used" };
        }).Check(Often);
    }

    [Fact]
    public void Left_over_units_go_to_the_largest_remainders_and_the_earlier_line()
    {
        Assert.Equal([34, 33, 33], LargestRemainder.Spread(100, [1_000, 1_000, 1_000]));
        Assert.Equal([0, 1, 0], LargestRemainder.Spread(1, [30, 40, 30]));
        Assert.Equal([7, 0, 3], LargestRemainder.Spread(10, [7, 0, 3]));
    }

    [Fact]
    public void The_largest_sums_do_not_overflow()
    {
        var lines = Enumerable.Repeat(Line(Products[0], "books", 1_000_000_000_000, 10_000), 100).ToArray();
        var coupon = Percent(99, cap: null);

        Assert.Equal(990_000_000_000_000_000, coupon.Appraise(lines).LineDiscounts.Sum());
    }

    private static Gen<(Coupon Coupon, OrderLine[] Lines)> Cases() =>
        from count in Gen.Choose(1, 6)
        from prices in Gen.ListOf(Gen.Choose(1, 5_000), count)
        from quantities in Gen.ListOf(Gen.Choose(1, 9), count)
        from categories in Gen.ListOf(Gen.Elements(Categories), count)
        from kind in Gen.Elements(true, false)
        from amount in Gen.Choose(1, 30_000)
        from percent in Gen.Choose(1, 100)
        from cap in Gen.Elements<long?>(null, 1, 500, 100_000)
        from minimum in Gen.Elements<long?>(null, 0, 1_000, 20_000)
        from products in Gen.Elements<Guid[]?>(null, [Products[0]], [Products[1], Products[5]])
        from restricted in Gen.Elements<string[]?>(null, ["toys"])
        select (
            new Coupon
            {
                Code = "C", Currency = "KRW", TotalQuantity = 1,
                DiscountType = kind ? Coupon.AmountType : Coupon.PercentType,
                AmountMinor = kind ? amount : null, Percent = kind ? null : (short)percent,
                CapMinor = kind ? null : cap, MinimumOrderMinor = minimum, Products = products,
                Categories = restricted,
            },
            Enumerable.Range(0, count).Select(i =>
                Line(Products[i], categories[i], prices[i], quantities[i])).ToArray());

    private static bool IsRefused(Coupon coupon, OrderLine[] lines, long[] gross, string refusal)
    {
        var eligible = Eligible(coupon, lines, gross).Sum();
        return refusal switch
        {
            CouponRefusals.MinimumNotMet => gross.Sum() < coupon.MinimumOrderMinor,
            CouponRefusals.NotEligible => eligible == 0,
            CouponRefusals.WorthNothing => gross.Sum() == 1 || (eligible * coupon.Percent) < 100,
            _ => false,
        };
    }

    private static long[] Eligible(Coupon coupon, OrderLine[] lines, long[] gross) =>
        [.. lines.Zip(gross, (line, amount) =>
            (coupon.Products is null && coupon.Categories is null)
            || (coupon.Products ?? []).Contains(line.ProductId)
            || (coupon.Categories ?? []).Contains(line.Category) ? amount : 0)];

    private static Coupon Percent(short percent, long? cap) => new()
    {
        Code = "C", Currency = "KRW", TotalQuantity = 1, DiscountType = Coupon.PercentType, Percent = percent,
        CapMinor = cap,
    };

    private static OrderLine Line(Guid product, string category, long price, int quantity) => new(
        Guid.Empty, product, 1, Guid.Empty, category, "A thing", price, quantity, 0, price * quantity);
}
