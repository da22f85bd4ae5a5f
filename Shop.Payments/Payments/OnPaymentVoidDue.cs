using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Payments.Payments;

/// <summary>
/// Race 4: the order no longer wants the payment. An unknown one gets a tombstone, one that was not started ends,
/// one on its way is voided by key at the processor, and what is captured stays: the order then asks for a refund.
/// </summary>
internal static class OnPaymentVoidDue
{
    /// <summary>The failure of a payment that somebody no longer wanted.</summary>
    public const string Failure = "payment-voided";

    private const string Cause = "void";

    // Remembered on the row, so that the sweep voids it should this process die before its call.
    private const string VoidDueSql = """
        update payments
           set void_due = true, next_ask_at = @until, updated_at = @Now
         where id = @Id and status = 'PROCESSING'
        """;

    public static async Task<Verdict> Handle(PaymentVoidDue e, HandlerContext<PaymentsDb> context)
    {
        var tx = context.Transaction;
        if (await AskPayment.BuryAsync(tx, e.PaymentId, e.OrderId))
        {
            // The tombstone knows no user; the order finds itself by its own id.
            tx.Publish(
                new PaymentFailed(e.PaymentId, e.OrderId, Guid.Empty, Payment.AttemptAbandoned, tx.Now), version: 1);
            return Verdict.Applied;
        }

        if (await Payment.LockAsync(tx, e.PaymentId, e.OrderId) is not { } payment) return Verdict.AlreadyApplied;

        var (verdict, _) = PaymentStates.Decide(payment.Status, PaymentCommand.Withdraw);
        switch (verdict)
        {
            case PaymentVerdict.Applied:
                await SettlePayment.FailAsync(tx, payment, Failure, Cause);
                return Verdict.Applied;
            case PaymentVerdict.MustVoid:
                await VoidAfterCommitAsync(context, payment);
                return Verdict.Applied;
            default:
                return Verdict.AlreadyApplied;
        }
    }

    /// <summary>Leaves it to the sweep to void a payment on its way, from that time on.</summary>
    public static Task MarkAsync(Transaction<PaymentsDb> tx, Payment payment, DateTimeOffset until) =>
        tx.ExecuteAsync(VoidDueSql, new { payment.Id, until, tx.Now });

    private static async Task VoidAfterCommitAsync(HandlerContext<PaymentsDb> context, Payment payment)
    {
        var options = context.Services.GetRequiredService<PaymentsOptions>();
        await MarkAsync(context.Transaction, payment, context.Transaction.Now + options.Lease);
        context.AfterCommit(ct =>
            context.Services.GetRequiredService<ChargePayment>().VoidAsync(payment, Failure, Cause, ct));
    }
}
