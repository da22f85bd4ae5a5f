using Shop.Payments.Gateway;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;

namespace Shop.Payments.Refunds;

/// <summary>
/// Gives the card leg back at the processor, under the refund's id as key, so that any number of tries is one refund.
/// What is not answered is tried again after a growing pause, and so is what is refused but owed, with the last answer
/// kept where it is seen. What is refused and not owed ends FAILED.
/// </summary>
internal sealed class SendRefund(
    Database<PaymentsDb> database, IPaymentGateway gateway, PaymentsOptions options, ILogger<SendRefund> log)
{
    private const string PauseSql = """
        update refunds
           set next_try_at = @at, last_answer = @answer, updated_at = @now
         where id = @id and status = 'PROCESSING'
        """;

    public async Task RunAsync(Refund refund, string cause, CancellationToken ct)
    {
        if (refund.Card == 0)
        {
            await SettleRefund.RefundedAsync(database, refund.Id, cause, ct); // Points alone: no processor has them.
            return;
        }

        Crash.At("SendRefund.RunAsync:before-call");
        var result = await gateway.RefundAsync(refund.PaymentId, refund.Id, refund.Card, ct);
        // Dying here leaves the refund PROCESSING with a lease that ends; the same key then gets the same answer.
        Crash.At("SendRefund.RunAsync:after-call");
        switch (result)
        {
            case RefundResult.Refunded:
                await SettleRefund.RefundedAsync(database, refund.Id, cause, ct);
                break;
            case RefundResult.Refused refused when !refund.Owed:
                await SettleRefund.FailedAsync(database, refund.Id, refused.Reason, cause, ct);
                break;
            case RefundResult.Refused refused:
                log.LogError(
                    "The processor refuses refund {RefundId}, which is owed: {Reason}", refund.Id, refused.Reason);
                await PauseAsync(refund, refused.Reason, ct);
                break;
            case RefundResult.Unknown unknown:
                await PauseAsync(refund, unknown.Why, ct);
                break;
        }
    }

    private Task<int> PauseAsync(Refund refund, string answer, CancellationToken ct) =>
        database.TransactAsync(
            tx => tx.ExecuteAsync(PauseSql, new
            {
                refund.Id,
                answer,
                at = tx.Now + options.RefundPause(refund.TryCount),
                now = tx.Now,
            }), ct);
}
