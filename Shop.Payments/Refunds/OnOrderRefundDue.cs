using Shop.Payments.Payments;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Payments.Refunds;

/// <summary>Race 10: an order cancelled after payment, or that can't take its payment, wants it back.</summary>
internal static class OnOrderRefundDue
{
    private const string OpenRefundSql = """
        select count(*) from refunds where payment_id = @PaymentId and status in ('REQUESTED', 'PROCESSING')
        """;

    public static async Task<Verdict> Handle(OrderRefundDue e, HandlerContext<PaymentsDb> context)
    {
        var tx = context.Transaction;
        // The payment's lock comes first: refunds of one payment are decided one after the other.
        if (await Payment.LockAsync(tx, e.PaymentId, e.OrderId) is not { } payment) return Verdict.NotYet;
        if (payment.Status is PaymentStatus.Requested or PaymentStatus.Processing) return Verdict.NotYet;
        if (payment.Status != PaymentStatus.Completed) return Verdict.AlreadyApplied; // Nothing of it is the order's.
        if (await Refund.LockAsync(tx, e.RefundId) is not null) return Verdict.AlreadyApplied;
        if (await tx.QuerySingleOrDefaultAsync<int>(OpenRefundSql, new { e.PaymentId }) > 0) return Verdict.NotYet;

        return await OweRefund.ForOrderAsync(tx, e.PaymentId, e.RefundId, e.Reason, e.Restock)
            ? Verdict.Applied
            : Verdict.AlreadyApplied; // All of it went back before.
    }
}
