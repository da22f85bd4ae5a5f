using System.Linq.Expressions;

namespace Shop.Ordering.Orders;

/// <summary>An order as its buyer sees it. Amounts in minor units of the currency.</summary>
public sealed record OrderView(
    Guid Id, OrderStatus Status, IReadOnlyList<OrderView.Line> Lines, long Subtotal, long Discount, long Total,
    string Currency, OrderView.AppliedCoupon? Coupon, string? CouponNotApplied,
    IReadOnlyList<OrderView.Payment> Payments, IReadOnlyList<OrderView.Shipment> Shipments,
    DateTimeOffset ExpiresAt, DateTimeOffset CreatedAt)
{
    public sealed record Line(
        Guid ProductId, Guid SellerId, string Category, string Name, long UnitPrice, int Quantity, long Discount,
        long Amount);

    /// <param name="Status">REQUESTED, COMPLETED or FAILED, as far as the order knows; the payment knows more.</param>
    public sealed record Payment(Guid Id, string Status);

    public sealed record Shipment(Guid Id, Guid SellerId, string Status);

    /// <param name="Discount">What it takes off, in all.</param>
    public sealed record AppliedCoupon(Guid Id, string Code, long Discount);

    internal static readonly Expression<Func<Order, OrderView>> FromRow = o => new OrderView(
        o.Id, o.Status,
        o.Lines.OrderBy(l => l.LineNo).Select(l => new Line(
            l.ProductId, l.SellerId, l.Category, l.Name, l.UnitPriceMinor, l.Quantity, l.DiscountMinor,
            l.AmountMinor)).ToList(),
        o.SubtotalMinor!.Value, o.DiscountMinor!.Value, o.TotalMinor!.Value, o.Currency!,
        o.CouponId == null ? null : new AppliedCoupon(o.CouponId.Value, o.CouponCode!, o.DiscountMinor.Value),
        o.CouponNotApplied,
        o.PaymentAttempts.OrderBy(p => p.StartedAt).Select(p => new Payment(p.PaymentId, p.Status)).ToList(),
        o.Shipments.OrderBy(s => s.SellerId).Select(s => new Shipment(s.Id, s.SellerId, s.Status)).ToList(),
        o.ExpiresAt!.Value, o.CreatedAt);

    /// <summary>The order the moment it was stored: the answer of a plain <c>POST /orders</c>, always.</summary>
    internal static OrderView AsPlaced(NewOrder order, DateTimeOffset createdAt) => new(
        order.Id, order.OneCall ? OrderStatus.PaymentPending : OrderStatus.Created,
        [.. order.Lines.Select(LineOf)], order.SubtotalMinor, order.DiscountMinor, order.TotalMinor,
        Order.DefaultCurrency, CouponOf(order.Coupon?.CouponId, order.Coupon?.Code, order.DiscountMinor),
        order.CouponNotApplied,
        order.PaymentId is { } id ? [new(id, "REQUESTED")] : [], [],
        createdAt.AddSeconds(order.TtlSeconds), createdAt);

    internal static AppliedCoupon? CouponOf(Guid? couponId, string? code, long discount) =>
        couponId is { } id ? new(id, code!, discount) : null;

    internal static Line LineOf(OrderLine l) => new(
        l.ProductId, l.SellerId, l.Category, l.Name, l.UnitPriceMinor, l.Quantity, l.DiscountMinor, l.AmountMinor);
}
