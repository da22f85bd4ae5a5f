using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Payments.Settlement;

/// <summary>An order's payment is settled with the sellers of its lines; a points charge is nobody's sale.</summary>
internal static class OnPaymentCompleted
{
    private const string LinesSql = """
        select product_id, seller_id, category, quantity, amount + discount as gross, discount, fee
          from payment_lines
         where payment_id = @PaymentId
        """;

    public static async Task<Verdict> Handle(PaymentCompleted e, HandlerContext<PaymentsDb> context)
    {
        if (e.OrderId is not { } orderId) return Verdict.AlreadyApplied;

        var tx = context.Transaction;
        var zone = context.Services.GetRequiredService<PaymentsOptions>().SettlementTimeZone;
        var lines = await tx.QueryAsync<SettledLine>(LinesSql, new { e.PaymentId });
        var source = new SettledSource(e.PaymentId, PostCapture.Kind, e.PaymentId, orderId, e.CompletedAt);
        return await SettlementLines.AddAsync(tx, zone, source, lines) ? Verdict.Applied : Verdict.AlreadyApplied;
    }
}
