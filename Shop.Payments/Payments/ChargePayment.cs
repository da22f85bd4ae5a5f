using Shop.Payments.Gateway;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;

namespace Shop.Payments.Payments;

/// <summary>
/// Asks the processor for the money of a payment that stands PROCESSING, and settles what it answers. An answer that
/// decides nothing leaves it PROCESSING, to be asked about after a pause.
/// </summary>
internal sealed class ChargePayment(
    Database<PaymentsDb> database, IPaymentGateway gateway, PaymentsOptions options, ILogger<ChargePayment> log)
{
    private const string PauseSql = """
        update payments set next_ask_at = @at, updated_at = @now where id = @id and status = 'PROCESSING'
        """;

    public async Task RunAsync(Payment payment, string cause, CancellationToken ct)
    {
        var charge = new Charge(payment.Id, payment.CardAmount, payment.Currency!, payment.CardToken!);
        Crash.At("ChargePayment.RunAsync:before-call");
        var result = await gateway.ChargeAsync(charge, ct);
        // Dying here leaves the payment PROCESSING with a lease that ends: the sweep asks by key and settles it.
        Crash.At("ChargePayment.RunAsync:after-call");
        await SettleAsync(payment, result, cause, ct);
    }

    /// <summary>Makes sure that nothing is captured any more, or learns that it was; settles either.</summary>
    public async Task VoidAsync(Payment payment, string failure, string cause, CancellationToken ct)
    {
        Crash.At("ChargePayment.VoidAsync:before-call");
        var result = await gateway.VoidAsync(payment.Id, ct);
        Crash.At("ChargePayment.VoidAsync:after-call");
        switch (result)
        {
            case VoidResult.Voided:
                Report(payment, await SettlePayment.FailedAsync(database, payment.Id, failure, cause, ct));
                break;
            case VoidResult.AlreadyCaptured:
                Crash.At("ChargePayment.VoidAsync:before-find");
                var charge = await gateway.FindChargeAsync(payment.Id, ct);
                Crash.At("ChargePayment.VoidAsync:after-find");
                await SettleAsync(payment, charge, cause, ct);
                break;
            default:
                await PauseAsync(payment, ct);
                break;
        }
    }

    public async Task SettleAsync(Payment payment, ChargeResult result, string cause, CancellationToken ct)
    {
        var verdict = await SettlePayment.ByAsync(database, payment.Id, result, cause, ct);
        if (verdict is null or PaymentVerdict.AmountDiffers) await PauseAsync(payment, ct);
        if (verdict is not null) Report(payment, verdict.Value);
    }

    private Task<int> PauseAsync(Payment payment, CancellationToken ct) =>
        database.TransactAsync(tx =>
        {
            var now = tx.Now;
            return tx.ExecuteAsync(PauseSql, new { payment.Id, at = now + options.AskPause(payment.AskCount), now });
        }, ct);

    private void Report(Payment payment, PaymentVerdict verdict)
    {
        if (verdict is PaymentVerdict.AmountDiffers or PaymentVerdict.TooLate or PaymentVerdict.Unknown)
        {
            log.LogError("The processor and payment {PaymentId} disagree: {Verdict}", payment.Id, verdict);
        }
    }
}
