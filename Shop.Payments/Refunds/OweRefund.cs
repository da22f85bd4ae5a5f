using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Idempotency;

namespace Shop.Payments.Refunds;

/// <summary>
/// A refund that the shop itself owes: of all that is left of a payment. It never fails; it is tried until the
/// processor has given the money back.
/// </summary>
internal static class OweRefund
{
    private const string InsertSql = """
        insert into refunds
               (id, payment_id, cause, owed, reason, restock, card, points, status, next_try_at, created_at, updated_at)
        values (@refundId, @paymentId, @cause, true, @reason, @restock, @Card, @Points, 'REQUESTED', @Now, @Now, @Now)
        """;

    /// <summary>Race 2: money came for a payment that had ended. The order is not concerned.</summary>
    public static Task<bool> ForLateCaptureAsync(Transaction<PaymentsDb> tx, Guid paymentId) =>
        RunAsync(
            tx, paymentId, DerivedId.From(paymentId, RefundCauses.LateCapture), RefundCauses.LateCapture,
            "captured after the payment had ended", restock: false);

    /// <summary>
    /// Race 10: the order wants back all that is left, under its id. What is left of the lines goes with it, so that
    /// nothing of them is given back again. False: nothing is left.
    /// </summary>
    public static async Task<bool> ForOrderAsync(
        Transaction<PaymentsDb> tx, Guid paymentId, Guid refundId, string reason, bool restock)
    {
        if (!await RunAsync(tx, paymentId, refundId, RefundCauses.Order, reason, restock)) return false;

        var lines = await Refund.PaidLinesAsync(tx, paymentId);
        await RefundRoom.TakeLinesAsync(tx, refundId, paymentId, RefundShares.OfRest(lines));
        return true;
    }

    private static async Task<bool> RunAsync(
        Transaction<PaymentsDb> tx, Guid paymentId, Guid refundId, string cause, string reason, bool restock)
    {
        if (await RefundRoom.TakeAsync(tx, paymentId) is not { } rest) return false;

        await tx.ExecuteAsync(
            InsertSql, new { refundId, paymentId, cause, reason, restock, rest.Card, rest.Points, tx.Now });
        await Refund.RecordAsync(tx, refundId, null, RefundStatus.Requested, cause);
        tx.Publish(new RefundRequested(refundId, paymentId, rest.OrderId, tx.Now), rest.Version);
        return true;
    }
}
