using Shop.Ordering.Orders;

namespace Shop.Ordering.Coupons;

/// <summary>
/// A coupon: terms that are frozen when it is created (amounts in minor units of <see cref="Currency"/>), and how many
/// of it were issued. Invariants: AMOUNT has an amount, PERCENT a percent from 1 to 100 and perhaps a cap; issued only
/// rises and never above the total, so a coupon that is sold out once is sold out for ever.
/// </summary>
internal sealed class Coupon
{
    public const string AmountType = "AMOUNT";
    public const string PercentType = "PERCENT";

    public const string Columns = """
        id, code, discount_type, amount_minor, percent, cap_minor, minimum_order_minor, products, categories, currency,
        total_quantity, issued, valid_from, valid_until, created_at
        """;

    public Guid Id { get; init; }

    public string Code { get; init; } = "";

    public string DiscountType { get; init; } = "";

    public long? AmountMinor { get; init; }

    public short? Percent { get; init; }

    /// <summary>The most that a percentage takes off.</summary>
    public long? CapMinor { get; init; }

    /// <summary>The least subtotal of an order that it is good for.</summary>
    public long? MinimumOrderMinor { get; init; }

    /// <summary>A line is eligible if these or <see cref="Categories"/> name it; every line if both are null.</summary>
    public Guid[]? Products { get; init; }

    public string[]? Categories { get; init; }

    public string Currency { get; init; } = "";

    public int TotalQuantity { get; init; }

    public int Issued { get; init; }

    public DateTimeOffset ValidFrom { get; init; }

    public DateTimeOffset? ValidUntil { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>What it takes off each of these lines, or why it takes nothing.</summary>
    public Appraisal Appraise(IReadOnlyList<OrderLine> lines)
    {
        var subtotal = lines.Sum(GrossOf);
        if (subtotal < MinimumOrderMinor) return new(CouponRefusals.MinimumNotMet, []);
        var eligible = lines.Select(line => IsFor(line) ? GrossOf(line) : 0).ToArray();
        var sum = eligible.Sum();
        if (sum == 0) return new(CouponRefusals.NotEligible, []);

        // Something is always left to pay: an order of nothing would have no payment to be decided by.
        var discount = Math.Min(DiscountOn(sum), subtotal - 1);
        return discount < 1
            ? new(CouponRefusals.WorthNothing, [])
            : new(null, LargestRemainder.Spread(discount, eligible));
    }

    private long DiscountOn(long sum) => DiscountType switch
    {
        AmountType => Math.Min(AmountMinor!.Value, sum),
        PercentType => Math.Min((long)((Int128)sum * Percent!.Value / 100), CapMinor ?? long.MaxValue),
        _ => throw new InvalidOperationException($"Coupon {Id} is of type {DiscountType}."),
    };

    private bool IsFor(OrderLine line) =>
        (Products is null && Categories is null)
        || Products?.Contains(line.ProductId) == true
        || Categories?.Contains(line.Category) == true;

    private static long GrossOf(OrderLine line) => line.UnitPriceMinor * line.Quantity;
}

/// <param name="Refusal">One of <see cref="CouponRefusals"/> where it takes nothing off.</param>
/// <param name="LineDiscounts">In minor units, one for each line.</param>
internal sealed record Appraisal(string? Refusal, IReadOnlyList<long> LineDiscounts);

/// <summary>Splits an amount in proportion, so that the parts add up to it.</summary>
internal static class LargestRemainder
{
    /// <summary>
    /// Each part is its share rounded down; what is left goes, one unit each, to the largest remainders, the earlier
    /// first. With an amount of at most the sum of the weights no part is above its weight.
    /// </summary>
    /// <param name="weights">At least one is positive, none is negative.</param>
    public static long[] Spread(long amount, IReadOnlyList<long> weights)
    {
        Int128 sum = 0;
        foreach (var weight in weights) sum += weight;
        var parts = weights.Select(weight => (long)((Int128)amount * weight / sum)).ToArray();
        var left = (int)(amount - parts.Sum());
        var largest = Enumerable.Range(0, parts.Length)
            .OrderByDescending(i => (Int128)amount * weights[i] % sum)
            .ThenBy(i => i)
            .Take(left);
        foreach (var i in largest) parts[i]++;
        return parts;
    }
}
