using Shop.Payments.Gateway;
using Shop.Payments.Points;
using Shop.Payments.Refunds;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Payments.Payments;

/// <summary>
/// The one way a payment ends. Worker, webhook, void and sweep all come here with what the processor said, in any
/// order and any number of times: the row's lock lets one of them settle it, once.
/// </summary>
internal static class SettlePayment
{
    private const string CompleteSql = """
        update payments
           set status = 'COMPLETED', card_captured = card_amount, points_captured = points_amount,
               next_ask_at = null, version = version + 1, updated_at = @Now
         where id = @Id and status = 'PROCESSING'
        returning version
        """;

    private const string FailSql = """
        update payments
           set status = 'FAILED', failure = @failure, next_ask_at = null, version = version + 1, updated_at = @Now
         where id = @Id and status in ('REQUESTED', 'PROCESSING')
        returning version
        """;

    private const string LateCaptureSql = """
        update payments
           set card_captured = @amount, version = version + 1, updated_at = @Now
         where id = @Id and status in ('FAILED', 'ABANDONED') and card_captured = 0
        returning version
        """;

    public static Task<PaymentVerdict> CapturedAsync(
        Database<PaymentsDb> database, Guid paymentId, long amount, string cause, CancellationToken ct) =>
        database.TransactAsync(async tx =>
        {
            return await Payment.LockAsync(tx, paymentId) is { } payment
                ? await CapturedAsync(tx, payment, amount, cause)
                : PaymentVerdict.Unknown;
        }, ct);

    /// <summary>The card leg of a payment that is locked was captured: 0 where it has none.</summary>
    public static async Task<PaymentVerdict> CapturedAsync(
        Transaction<PaymentsDb> tx, Payment payment, long amount, string cause)
    {
        var (verdict, _) = PaymentStates.Decide(payment.Status, PaymentCommand.Capture);
        return verdict switch
        {
            PaymentVerdict.Applied when amount != payment.CardAmount => PaymentVerdict.AmountDiffers,
            PaymentVerdict.Applied => await CompleteAsync(tx, payment, cause),
            PaymentVerdict.RefundOwed => await RecordLateAsync(tx, payment, amount),
            _ => verdict,
        };
    }

    /// <summary>The processor has not taken the money and never will under this key.</summary>
    public static Task<PaymentVerdict> FailedAsync(
        Database<PaymentsDb> database, Guid paymentId, string failure, string cause, CancellationToken ct) =>
        database.TransactAsync(async tx =>
        {
            if (await Payment.LockAsync(tx, paymentId) is not { } payment) return PaymentVerdict.Unknown;

            var (verdict, _) = PaymentStates.Decide(payment.Status, PaymentCommand.Fail);
            if (verdict == PaymentVerdict.Applied) await FailAsync(tx, payment, failure, cause);
            return verdict;
        }, ct);

    /// <summary>Settles what a charge was answered with; null where that decides nothing.</summary>
    public static async Task<PaymentVerdict?> ByAsync(
        Database<PaymentsDb> database, Guid paymentId, ChargeResult result, string cause, CancellationToken ct) =>
        result switch
        {
            ChargeResult.Captured captured => await CapturedAsync(database, paymentId, captured.Amount, cause, ct),
            ChargeResult.Declined declined => await FailedAsync(database, paymentId, declined.Reason, cause, ct),
            _ => null,
        };

    /// <summary>Ends a payment that is locked and may fail by the state machine.</summary>
    public static async Task FailAsync(Transaction<PaymentsDb> tx, Payment payment, string failure, string cause)
    {
        var version = await ChangedAsync(tx, FailSql, new { payment.Id, failure, tx.Now });
        await payment.RecordAsync(tx, PaymentStatus.Failed, failure, cause, version);
        if (payment.PointsAmount > 0 && !await SettleHold.ReleaseAsync(tx, payment.Id))
        {
            throw new InvalidOperationException($"The points of payment {payment.Id} are not held.");
        }

        tx.Publish(new PaymentFailed(payment.Id, payment.OrderId, payment.UserId!.Value, failure, tx.Now), version);
    }

    private static async Task<PaymentVerdict> CompleteAsync(Transaction<PaymentsDb> tx, Payment payment, string cause)
    {
        var version = await ChangedAsync(tx, CompleteSql, new { payment.Id, tx.Now });
        await payment.RecordAsync(tx, PaymentStatus.Completed, null, cause, version);
        if (payment.PointsAmount > 0) await UsePoints.RunAsync(tx, payment);
        if (payment.Purpose == Payment.TopUp) await GrantPoints.RunAsync(tx, payment);
        if (payment.Purpose == Payment.Order) await PostCapture.RunAsync(tx, payment);
        tx.Publish(
            new PaymentCompleted(
                payment.Id, payment.OrderId, payment.UserId!.Value, payment.Amount, payment.CardAmount,
                payment.PointsAmount, payment.Currency!, tx.Now),
            version);
        return PaymentVerdict.Applied;
    }

    /// <summary>Race 2: recorded, and refunded by Payments alone; the order has gone its own way.</summary>
    private static async Task<PaymentVerdict> RecordLateAsync(Transaction<PaymentsDb> tx, Payment payment, long amount)
    {
        if (payment.CardCaptured > 0) return PaymentVerdict.AlreadyApplied;

        await ChangedAsync(tx, LateCaptureSql, new { payment.Id, amount, tx.Now });
        await PostCapture.RunLateAsync(tx, payment, amount);
        await OweRefund.ForLateCaptureAsync(tx, payment.Id);
        return PaymentVerdict.RefundOwed;
    }

    private static async Task<long> ChangedAsync(Transaction<PaymentsDb> tx, string sql, object parameters) =>
        await tx.QuerySingleOrDefaultAsync<long?>(sql, parameters)
            ?? throw new InvalidOperationException("A locked payment was not in the state that was read.");
}
