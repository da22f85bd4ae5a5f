using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Payments.Payments;

/// <summary>
/// A stored payment is started once: PROCESSING first, then the call, if there is anything to take from a card. The event is applied when PROCESSING is
/// stored; the outcome belongs to whoever learns it first.
/// </summary>
internal static class OnPaymentRequested
{
    private const string StartSql = """
        update payments
           set status = 'PROCESSING', next_ask_at = @until, version = version + 1, updated_at = @Now
         where id = @Id and status = 'REQUESTED'
        returning version
        """;

    public static async Task<Verdict> Handle(PaymentRequested e, HandlerContext<PaymentsDb> context)
    {
        if (await Payment.LockAsync(context.Transaction, e.PaymentId) is not { } payment) return Verdict.NotYet;

        var (verdict, _) = PaymentStates.Decide(payment.Status, PaymentCommand.Start);
        if (verdict == PaymentVerdict.AlreadyApplied) return Verdict.AlreadyApplied;
        if (verdict == PaymentVerdict.TooLate) return Verdict.TooLate; // Nothing was called: nothing to take back.

        var options = context.Services.GetRequiredService<PaymentsOptions>();
        await StartAsync(context.Transaction, payment, options, "worker");
        if (payment.Status != PaymentStatus.Processing) return Verdict.Applied;
        // Dying after the commit leaves PROCESSING with a lease that ends: the sweep goes on from there.
        context.AfterCommit(ct =>
            context.Services.GetRequiredService<ChargePayment>().RunAsync(payment, "worker", ct));
        return Verdict.Applied;
    }

    /// <summary>What has no card leg needs nobody's answer: it is COMPLETED in the transaction that starts it.</summary>
    public static async Task StartAsync(
        Transaction<PaymentsDb> tx, Payment payment, PaymentsOptions options, string cause)
    {
        var version = await tx.QuerySingleOrDefaultAsync<long?>(
            StartSql, new { payment.Id, until = tx.Now + options.Lease, tx.Now })
            ?? throw new InvalidOperationException("A locked payment was not in the state that was read.");
        await payment.RecordAsync(tx, PaymentStatus.Processing, null, cause, version);
        if (payment.CardAmount == 0) await SettlePayment.CapturedAsync(tx, payment, amount: 0, cause);
    }
}
