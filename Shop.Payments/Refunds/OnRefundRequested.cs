using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Payments.Refunds;

/// <summary>A stored refund is started once: PROCESSING first, then the call to the processor.</summary>
internal static class OnRefundRequested
{
    private const string StartSql = """
        update refunds
           set status = 'PROCESSING', next_try_at = @until, updated_at = @Now
         where id = @Id and status = 'REQUESTED'
        """;

    public static async Task<Verdict> Handle(RefundRequested e, HandlerContext<PaymentsDb> context)
    {
        if (await Refund.LockAsync(context.Transaction, e.RefundId) is not { } refund) return Verdict.NotYet;
        if (refund.Status != RefundStatus.Requested) return Verdict.AlreadyApplied;

        var options = context.Services.GetRequiredService<PaymentsOptions>();
        await StartAsync(context.Transaction, refund, options, "worker");
        // Dying after the commit leaves PROCESSING with a lease that ends: the sweep sends it again under its key.
        context.AfterCommit(ct => context.Services.GetRequiredService<SendRefund>().RunAsync(refund, "worker", ct));
        return Verdict.Applied;
    }

    public static async Task StartAsync(
        Transaction<PaymentsDb> tx, Refund refund, PaymentsOptions options, string cause)
    {
        var changed = await tx.ExecuteAsync(StartSql, new { refund.Id, until = tx.Now + options.Lease, tx.Now });
        if (changed != 1) throw new InvalidOperationException("A locked refund was not in the state that was read.");
        await Refund.RecordAsync(tx, refund.Id, RefundStatus.Requested, RefundStatus.Processing, cause);
    }
}
