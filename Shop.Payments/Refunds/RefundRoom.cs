using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Payments.Refunds;

/// <summary>
/// Race 9: what is left of a payment, taken by a refund when it is made and given back when it fails. One conditional
/// UPDATE allocates both legs, the card's first; whatever else runs, the CHECKs of the rows hold refunded to at most
/// what was captured, for each leg and each line.
/// </summary>
internal static class RefundRoom
{
    // No amount: all that is left.
    private const string TakeSql = """
        with rest as (
            select id, card_captured - card_refunded as card, points_captured - points_refunded as points
              from payments
             where id = @paymentId
               for update),
        legs as (
            select id, least(card, coalesce(@amount, card)) as card,
                   coalesce(@amount - least(card, @amount), points) as points
              from rest
             where card + points > 0 and coalesce(@amount, 1) between 1 and card + points)
        update payments p
           set card_refunded = p.card_refunded + legs.card, points_refunded = p.points_refunded + legs.points,
               version = p.version + 1, updated_at = @Now
          from legs
         where p.id = legs.id
        returning p.version, legs.card, legs.points, case p.status when 'COMPLETED' then p.order_id end as order_id
        """; // 0 rows: not so much is left.

    private const string TakeLinesSql = """
        with given as (
            insert into refund_lines (refund_id, product_id, quantity, amount)
            select @refundId, product_id, quantity, amount
              from unnest(@Products, @Quantities, @Amounts) as line (product_id, quantity, amount)
            returning product_id, quantity, amount)
        update payment_lines l
           set refunded_quantity = l.refunded_quantity + given.quantity,
               refunded_amount = l.refunded_amount + given.amount
          from given
         where l.payment_id = @paymentId and l.product_id = given.product_id
        """;

    private const string GiveBackSql = """
        update payments
           set card_refunded = card_refunded - @Card, points_refunded = points_refunded - @Points,
               version = version + 1, updated_at = @Now
         where id = @PaymentId
        returning version, 0::bigint as card, 0::bigint as points, order_id
        """;

    private const string GiveLinesBackSql = """
        update payment_lines l
           set refunded_quantity = l.refunded_quantity - given.quantity,
               refunded_amount = l.refunded_amount - given.amount
          from refund_lines given
         where given.refund_id = @Id and l.payment_id = @PaymentId and l.product_id = given.product_id
        """;

    /// <summary>Allocates an amount, or all that is left; null where not so much is left.</summary>
    public static Task<Taken?> TakeAsync(Transaction<PaymentsDb> tx, Guid paymentId, long? amount = null) =>
        tx.QuerySingleOrDefaultAsync<Taken>(TakeSql, new { paymentId, amount, tx.Now });

    /// <summary>Records what of the refund falls on which line, and takes it from what is left of them.</summary>
    public static async Task TakeLinesAsync(
        Transaction<PaymentsDb> tx, Guid refundId, Guid paymentId, RefundedLine[] lines)
    {
        var changed = await tx.ExecuteAsync(TakeLinesSql, new
        {
            refundId,
            paymentId,
            Products = Array.ConvertAll(lines, line => line.ProductId),
            Quantities = Array.ConvertAll(lines, line => line.Quantity),
            Amounts = Array.ConvertAll(lines, line => line.Amount),
        });
        if (changed != lines.Length) throw new InvalidOperationException("A refund of lines that were not paid.");
    }

    /// <summary>Gives back the room of a refund that failed. Its own lines stay, as what was asked for.</summary>
    public static async Task<Taken> GiveBackAsync(Transaction<PaymentsDb> tx, Refund refund)
    {
        var payment = await tx.QuerySingleOrDefaultAsync<Taken>(
            GiveBackSql, new { refund.PaymentId, refund.Card, refund.Points, tx.Now })
            ?? throw new InvalidOperationException("A refund without its payment.");
        await tx.ExecuteAsync(GiveLinesBackSql, new { refund.Id, refund.PaymentId });
        return payment;
    }

    /// <summary>The legs that were allocated, and the payment after it.</summary>
    public sealed class Taken
    {
        public long Version { get; init; }

        public long Card { get; init; }

        public long Points { get; init; }

        /// <summary>None where the payment was not COMPLETED: its order must not hear of the refund.</summary>
        public Guid? OrderId { get; init; }
    }
}
