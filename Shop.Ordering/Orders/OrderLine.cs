using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Shop.Ordering.Coupons;

namespace Shop.Ordering.Orders;

/// <summary>
/// A line as it was agreed: names and price of that moment, amounts in minor units.
/// The amount is unit price times quantity less discount.
/// </summary>
internal sealed record OrderLine(
    Guid OrderId, Guid ProductId, short LineNo, Guid SellerId, string Category, string Name, long UnitPriceMinor,
    int Quantity, long DiscountMinor, long AmountMinor)
{
    public OrderLine Reduced(long discount) =>
        this with { DiscountMinor = discount, AmountMinor = (UnitPriceMinor * Quantity) - discount };
}

/// <summary>A payment of this order: REQUESTED while it is under way, then COMPLETED or FAILED for ever.</summary>
internal sealed record PaymentAttempt(
    Guid OrderId, Guid PaymentId, string Status, string? Failure, DateTimeOffset StartedAt, DateTimeOffset? EndedAt);

/// <summary>A change of an order, as its timeline tells it.</summary>
internal sealed record OrderTransition(
    Guid OrderId, long Version, string Status, string Cause, Guid? EventId, string? TraceId, DateTimeOffset At);

/// <summary>An order about to be stored: what was agreed, computed once and then frozen.</summary>
internal sealed record NewOrder(
    Guid Id, Guid UserId, IReadOnlyList<OrderLine> Lines, Guid? PaymentId, int TtlSeconds,
    string? IdempotencyKey, byte[]? Fingerprint, string? ShippingAddress, string? CouponNotApplied,
    bool CouponRequired = false, AppliedCoupon? Coupon = null)
{
    public bool OneCall => PaymentId is not null;

    public long SubtotalMinor { get; } = Lines.Sum(line => line.UnitPriceMinor * line.Quantity);

    public long DiscountMinor { get; } = Lines.Sum(line => line.DiscountMinor);

    public long TotalMinor => SubtotalMinor - DiscountMinor;

    public NewOrder WithCoupon(AppliedCoupon coupon, IReadOnlyList<long> discounts) =>
        Repriced([.. Lines.Zip(discounts, (line, discount) => line.Reduced(discount))], coupon, null);

    public NewOrder WithoutCoupon(string reason) =>
        Repriced([.. Lines.Select(line => line.Reduced(discount: 0))], null, reason);

    // Not by `with`: that would copy the sums of the old lines.
    private NewOrder Repriced(IReadOnlyList<OrderLine> lines, AppliedCoupon? coupon, string? couponNotApplied) => new(
        Id, UserId, lines, PaymentId, TtlSeconds, IdempotencyKey, Fingerprint, ShippingAddress, couponNotApplied,
        CouponRequired, coupon);

    /// <summary>
    /// SHA-256 over what must never change, the same as the database's <c>order_content_hash</c> computes from the
    /// rows: the proof compares the two.
    /// </summary>
    public byte[] ContentHash()
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture,
            $"{Id}|{UserId}|{SubtotalMinor}|{DiscountMinor}|{TotalMinor}|{Order.DefaultCurrency}");
        foreach (var l in Lines)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"\n{l.ProductId}|{l.SellerId}|{Octets(l.Category)}|{l.Category}|{Octets(l.Name)}|{l.Name}")
                .Append(CultureInfo.InvariantCulture,
                $"|{l.UnitPriceMinor}|{l.Quantity}|{l.DiscountMinor}|{l.AmountMinor}");
        }

        return SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()));
    }

    private static int Octets(string text) => Encoding.UTF8.GetByteCount(text);
}
