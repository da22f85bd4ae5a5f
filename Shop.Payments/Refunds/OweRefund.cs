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
    // Takes the whole rest of both legs; the CHECKs hold refunded <= captured whatever else runs.
    private const string AllocateSql = """
        with rest as (
            select id, card_captured - card_refunded as card, points_captured - points_refunded as points
              from payments
             where id = @paymentId
               for update)
        update payments p
           set card_refunded = card_captured, points_refunded = points_captured,
               version = version + 1, updated_at = @Now
          from rest
         where p.id = rest.id and rest.card + rest.points > 0
        returning p.version, rest.card, rest.points, case p.status when 'COMPLETED' then p.order_id end as order_id
        """;

    private const string InsertSql = """
        insert into refunds
               (id, payment_id, cause, owed, reason, restock, card, points, status, next_try_at, created_at, updated_at)
        values (@refundId, @paymentId, @cause, true, @reason, @restock, @Card, @Points, 'REQUESTED', @Now, @Now, @Now)
        """;

    // What is left of the lines goes with the rest of the money, so that nothing of them is given back again.
    private const string LinesSql = """
        with rest as (
            insert into refund_lines (refund_id, product_id, quantity, amount)
            select @refundId, product_id, quantity - refunded_quantity, amount - refunded_amount
              from payment_lines
             where payment_id = @paymentId and (refunded_quantity < quantity or refunded_amount < amount)
            returning product_id)
        update payment_lines l
           set refunded_quantity = quantity, refunded_amount = amount
          from rest
         where l.payment_id = @paymentId and l.product_id = rest.product_id
        """;

    /// <summary>Race 2: money came for a payment that had ended. The order is not concerned.</summary>
    public static Task<bool> ForLateCaptureAsync(Transaction<PaymentsDb> tx, Guid paymentId) =>
        RunAsync(
            tx, paymentId, DerivedId.From(paymentId, RefundCauses.LateCapture), RefundCauses.LateCapture,
            "captured after the payment had ended", restock: false);

    /// <summary>Race 10: the order wants back all that is left, under its id. False: nothing is left.</summary>
    public static async Task<bool> ForOrderAsync(
        Transaction<PaymentsDb> tx, Guid paymentId, Guid refundId, string reason, bool restock)
    {
        if (!await RunAsync(tx, paymentId, refundId, RefundCauses.Order, reason, restock)) return false;

        await tx.ExecuteAsync(LinesSql, new { refundId, paymentId });
        return true;
    }

    private static async Task<bool> RunAsync(
        Transaction<PaymentsDb> tx, Guid paymentId, Guid refundId, string cause, string reason, bool restock)
    {
        if (await tx.QuerySingleOrDefaultAsync<Rest>(AllocateSql, new { paymentId, tx.Now }) is not { } rest)
        {
            return false;
        }

        await tx.ExecuteAsync(
            InsertSql, new { refundId, paymentId, cause, reason, restock, rest.Card, rest.Points, tx.Now });
        await Refund.RecordAsync(tx, refundId, null, RefundStatus.Requested, cause);
        tx.Publish(new RefundRequested(refundId, paymentId, rest.OrderId, tx.Now), rest.Version);
        return true;
    }

    /// <summary>No order where the payment was not COMPLETED: its order must not hear of this refund.</summary>
    private sealed class Rest
    {
        public long Version { get; init; }

        public long Card { get; init; }

        public long Points { get; init; }

        public Guid? OrderId { get; init; }
    }
}
