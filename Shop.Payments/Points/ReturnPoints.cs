using Shop.ServiceDefaults.Data;

namespace Shop.Payments.Points;

/// <summary>
/// The points leg of a refund, given back in the transaction that completes the refund, after its card leg. A partial
/// refund gives back what lasts longest first: the reverse of how points are spent, so that a customer never loses
/// time by it. How much may go back was decided on the payment's row; each lot's cap stands behind that.
/// </summary>
internal static class ReturnPoints
{
    private const string OwnerSql = "select user_id from points_holds where id = @paymentId and status = 'CAPTURED'";

    private const string ShareSql = """
        with rest as (
            select part.lot_id, part.amount - part.returned as amount,
                   sum(part.amount - part.returned) over (order by lot.expires_at desc, lot.id desc)
                   - (part.amount - part.returned) as before
              from points_hold_lots part join points_lots lot on lot.id = part.lot_id
             where part.hold_id = @paymentId and part.returned < part.amount),
        share as (
            select lot_id, least(amount, @points - before)::bigint as amount from rest where before < @points)
        update points_hold_lots part
           set returned = part.returned + share.amount
          from share
         where part.hold_id = @paymentId and part.lot_id = share.lot_id
        returning part.lot_id, share.amount
        """;

    /// <summary>
    /// Called once for a refund whose points leg is not zero, with the payment's row locked. The ledger's postings are
    /// the refund's own.
    /// </summary>
    public static async Task RunAsync(Transaction<PaymentsDb> tx, Guid refundId, Guid paymentId, long points)
    {
        var userId = await tx.QuerySingleOrDefaultAsync<Guid?>(OwnerSql, new { paymentId })
            ?? throw new InvalidOperationException($"Payment {paymentId} used no points that could return.");
        var account = await PointsAccount.LockAsync(tx, userId)
            ?? throw new InvalidOperationException($"Payment {paymentId} has no points account.");
        var parts = await tx.QueryAsync<PointsLots.Part>(ShareSql, new { paymentId, points });
        if (parts.Sum(part => part.Amount) != points)
        {
            throw new InvalidOperationException($"Refund {refundId} returns more than payment {paymentId} used.");
        }

        await PointsLots.PutBackAsync(tx, refundId, parts);
        await account.BookAsync(tx, PointsEntry.Returned, refundId, available: points);
    }
}
