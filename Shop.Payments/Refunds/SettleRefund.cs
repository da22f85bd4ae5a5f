using Shop.Payments.Payments;
using Shop.Payments.Points;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Payments.Refunds;

/// <summary>The one way a refund ends: worker, webhook and sweep come here, one of them completes it, once.</summary>
internal static class SettleRefund
{
    private const string CompleteSql = """
        update refunds set status = 'COMPLETED', next_try_at = null, updated_at = @Now
         where id = @Id and status = 'PROCESSING'
        """;

    private const string FailSql = """
        update refunds set status = 'FAILED', failure = @failure, next_try_at = null, updated_at = @Now
         where id = @Id and status = 'PROCESSING' and not owed
        """;

    // The payment's row is locked, so refunds that complete at the same time see one another's sum.
    private const string CountSql = """
        update payments set version = version + 1, updated_at = @Now
         where id = @PaymentId
        returning version, case status when 'COMPLETED' then order_id end as order_id,
                  card_captured + points_captured as captured
        """;

    private const string CompletedSql = """
        select coalesce(sum(card + points), 0)::bigint
          from refunds where payment_id = @PaymentId and status = 'COMPLETED'
        """;

    private const string LinesSql = """
        select product_id, quantity, amount from refund_lines where refund_id = @Id order by product_id
        """;

    /// <param name="said">What the processor says that it gave back, where nobody has compared it yet.</param>
    public static Task<PaymentVerdict> RefundedAsync(
        Database<PaymentsDb> database, Guid refundId, string cause, CancellationToken ct, long? said = null) =>
        database.TransactAsync(async tx =>
        {
            if (await Refund.LockAfterPaymentAsync(tx, refundId) is not { } refund) return PaymentVerdict.Unknown;

            var verdict = Decide(refund.Status, RefundStatus.Completed);
            if (verdict != PaymentVerdict.Applied) return verdict;
            if (said is { } amount && amount != refund.Card) return PaymentVerdict.AmountDiffers;

            await CompleteAsync(tx, refund, cause);
            return verdict;
        }, ct);

    /// <summary>The processor will not give this back, and the shop does not owe it: its room is free again.</summary>
    public static Task<PaymentVerdict> FailedAsync(
        Database<PaymentsDb> database, Guid refundId, string failure, string cause, CancellationToken ct) =>
        database.TransactAsync(async tx =>
        {
            if (await Refund.LockAfterPaymentAsync(tx, refundId) is not { } refund) return PaymentVerdict.Unknown;

            var verdict = Decide(refund.Status, RefundStatus.Failed);
            if (verdict == PaymentVerdict.Applied) await FailAsync(tx, refund, failure, cause);
            return verdict;
        }, ct);

    /// <summary>What an outcome means for a refund in this state.</summary>
    internal static PaymentVerdict Decide(RefundStatus status, RefundStatus outcome) => status switch
    {
        RefundStatus.Requested => PaymentVerdict.NotYet,
        RefundStatus.Processing => PaymentVerdict.Applied,
        RefundStatus.Completed or RefundStatus.Failed when status == outcome => PaymentVerdict.AlreadyApplied,
        RefundStatus.Completed or RefundStatus.Failed or RefundStatus.Abandoned => PaymentVerdict.TooLate,
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };

    private static async Task CompleteAsync(Transaction<PaymentsDb> tx, Refund refund, string cause)
    {
        var changed = await tx.ExecuteAsync(CompleteSql, new { refund.Id, tx.Now });
        if (changed != 1) throw new InvalidOperationException("A locked refund was not in the state that was read.");
        await Refund.RecordAsync(tx, refund.Id, RefundStatus.Processing, RefundStatus.Completed, cause);
        // The card's leg is back, now the points': those that paid return, those of a top-up are gone.
        if (refund.Points > 0) await ReturnPoints.RunAsync(tx, refund.Id, refund.PaymentId, refund.Points);
        await TakeBackPoints.CaptureAsync(tx, refund.Id);
        await PostRefund.RunAsync(tx, refund);

        var payment = await tx.QuerySingleOrDefaultAsync<Counted>(CountSql, new { refund.PaymentId, tx.Now })
            ?? throw new InvalidOperationException("A refund without its payment.");
        var completed = await tx.QuerySingleOrDefaultAsync<long>(CompletedSql, new { refund.PaymentId });
        var lines = await tx.QueryAsync<RefundedLine>(LinesSql, new { refund.Id });
        tx.Publish(
            new RefundCompleted(
                refund.Id, refund.PaymentId, payment.OrderId, refund.Card + refund.Points,
                Whole: completed == payment.Captured, refund.Restock, [.. lines], tx.Now),
            payment.Version);
    }

    private static async Task FailAsync(Transaction<PaymentsDb> tx, Refund refund, string failure, string cause)
    {
        var changed = await tx.ExecuteAsync(FailSql, new { refund.Id, failure, tx.Now });
        if (changed != 1) throw new InvalidOperationException("A refund that is owed, or changed, cannot fail.");
        await Refund.RecordAsync(tx, refund.Id, RefundStatus.Processing, RefundStatus.Failed, cause);
        await TakeBackPoints.ReleaseAsync(tx, refund.Id);

        var payment = await RefundRoom.GiveBackAsync(tx, refund);
        tx.Publish(
            new RefundFailed(refund.Id, refund.PaymentId, payment.OrderId, failure, tx.Now), payment.Version);
    }

    /// <summary>No order where the payment was not COMPLETED: its order must not hear of this refund.</summary>
    private sealed class Counted
    {
        public long Version { get; init; }

        public Guid? OrderId { get; init; }

        public long Captured { get; init; }
    }
}
