using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Payments.Payments;

/// <summary>
/// A stored payment is started once: PROCESSING first, then the call. The event is applied when PROCESSING is
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
        // Dying after the commit leaves PROCESSING with a lease that ends: the sweep goes on from there.
        context.AfterCommit(ct =>
            context.Services.GetRequiredService<ChargePayment>().RunAsync(payment, "worker", ct));
        return Verdict.Applied;
    }

    public static async Task StartAsync(
        Transaction<PaymentsDb> tx, Payment payment, PaymentsOptions options, string cause)
    {
        var version = await tx.QuerySingleOrDefaultAsync<long?>(
            StartSql, new { payment.Id, until = tx.Now + options.Lease, tx.Now })
            ?? throw new InvalidOperationException("A locked payment was not in the state that was read.");
        await payment.RecordAsync(tx, PaymentStatus.Processing, null, cause, version);
    }
}
