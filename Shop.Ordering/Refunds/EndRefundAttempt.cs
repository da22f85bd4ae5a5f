using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Ordering.Refunds;

/// <summary>
/// How an attempt ends, under its order's lock. Completed, its units are gone from the order; failed, they may be sent
/// again. A refund that nobody asked for here, because the order itself wanted it, ends what never began.
/// </summary>
internal static class EndRefundAttempt
{
    private const string StatusSql = "select status from refund_attempts where refund_id = @RefundId for update";

    private const string CompleteSql = """
        insert into refund_attempts (refund_id, order_id, payment_id, restock, status, started_at, ended_at)
        values (@RefundId, @OrderId, @PaymentId, @Restock, 'COMPLETED', @Now, @Now)
            on conflict (refund_id) do update
           set status = excluded.status, recover_at = null, ended_at = excluded.ended_at
         where refund_attempts.status = 'REQUESTED'
        """;

    private const string FailSql = """
        update refund_attempts
           set status = 'FAILED', failure = @Failure, recover_at = null, ended_at = @Now
         where refund_id = @RefundId and order_id = @OrderId and status = 'REQUESTED'
        """;

    private const string ThawSql = "delete from refund_attempt_lines where refund_id = @RefundId";

    private const string RefundedSql = """
        insert into refund_attempt_lines (refund_id, product_id, quantity)
        select @RefundId, line.* from unnest(@Products, @Quantities) as line
        """;

    // With the whole refunded, everything that has not left; else what has no unit left to send.
    private const string CancelShipmentsSql = """
        update shipments s
           set status = 'CANCELLED'
         where s.order_id = @OrderId and s.status = 'REQUESTED'
           and (@Whole or not exists (
               select from order_lines l
                where l.order_id = s.order_id and l.seller_id = s.seller_id
                  and l.quantity > (
                      select coalesce(sum(r.quantity), 0)
                        from refund_attempts a join refund_attempt_lines r on r.refund_id = a.refund_id
                       where a.order_id = l.order_id and a.status = 'COMPLETED' and r.product_id = l.product_id)))
        """;

    /// <summary>The money is back. False: it was known.</summary>
    public static async Task<bool> CompleteAsync(Transaction<OrderingDb> tx, Guid orderId, RefundCompleted refunded)
    {
        var keys = new
        {
            refunded.RefundId, OrderId = orderId, refunded.PaymentId, refunded.Restock, refunded.Whole, tx.Now,
        };
        var status = await tx.QuerySingleOrDefaultAsync<string>(StatusSql, keys);
        if (status == "COMPLETED") return false;
        if (await tx.ExecuteAsync(CompleteSql, keys) != 1)
        {
            throw new InvalidOperationException($"Refund {refunded.RefundId} completed after it was {status} here.");
        }

        // What was refunded is what Payments says; what was frozen for it is no more.
        await tx.ExecuteAsync(ThawSql, keys);
        var units = Array.FindAll(refunded.Lines, line => line.Quantity > 0);
        await tx.ExecuteAsync(RefundedSql, new
        {
            refunded.RefundId,
            Products = Array.ConvertAll(units, line => line.ProductId),
            Quantities = Array.ConvertAll(units, line => line.Quantity),
        });
        await tx.ExecuteAsync(CancelShipmentsSql, keys);
        return true;
    }

    /// <summary>Nothing goes back under this id, now or ever. False: no such attempt is open.</summary>
    public static async Task<bool> FailAsync(
        Transaction<OrderingDb> tx, Guid orderId, Guid refundId, string failure) =>
        await tx.ExecuteAsync(
            FailSql, new { RefundId = refundId, OrderId = orderId, Failure = failure, tx.Now }) == 1;
}
