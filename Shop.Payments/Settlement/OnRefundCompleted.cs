using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Payments.Settlement;

/// <summary>
/// What an order gets back is taken back from the sellers, with the discount's and the fee's share. A refund without
/// an order is of money that was never a sale.
/// </summary>
internal static class OnRefundCompleted
{
    private const string LinesSql = """
        select r.product_id, l.seller_id, l.category, -r.quantity as quantity, -(r.amount + s.discount) as gross,
               -s.discount as discount, -s.fee as fee
          from refund_lines r
          join refund_shares s on s.refund_id = r.refund_id and s.product_id = r.product_id
          join payment_lines l on l.payment_id = @PaymentId and l.product_id = r.product_id
         where r.refund_id = @RefundId
        """;

    public static async Task<Verdict> Handle(RefundCompleted e, HandlerContext<PaymentsDb> context)
    {
        if (e.OrderId is not { } orderId) return Verdict.AlreadyApplied;

        var tx = context.Transaction;
        var zone = context.Services.GetRequiredService<PaymentsOptions>().SettlementTimeZone;
        var lines = await tx.QueryAsync<SettledLine>(LinesSql, new { e.RefundId, e.PaymentId });
        var source = new SettledSource(e.RefundId, PostRefund.Kind, e.PaymentId, orderId, e.CompletedAt);
        return await SettlementLines.AddAsync(tx, zone, source, lines) ? Verdict.Applied : Verdict.AlreadyApplied;
    }
}
