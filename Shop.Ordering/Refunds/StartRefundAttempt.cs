using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Refunds;

/// <summary>
/// Payments asks whether units of this order may be refunded. A yes freezes them: nothing of their shipments leaves
/// until the refund has ended. Decided under the order's lock, against shipping, so that no unit is both on its way and
/// back on the shelf. The same question has the same answer; how much money that is, is Payments' to cap.
/// </summary>
internal static class StartRefundAttempt
{
    private const string KnownSql = """
        select order_id, status from refund_attempts where refund_id = @RefundId
        """;

    // What no completed refund has taken out of each line. Units that another attempt has frozen are still there: which
    // of the two gets them is decided by Payments.
    private const string LinesSql = """
        select l.product_id, l.seller_id, (l.quantity - coalesce(sum(r.quantity), 0))::integer as quantity
          from order_lines l
          left join (refund_attempt_lines r
                     join refund_attempts a on a.refund_id = r.refund_id and a.status = 'COMPLETED')
                 on a.order_id = l.order_id and r.product_id = l.product_id
         where l.order_id = @OrderId
         group by l.product_id, l.seller_id, l.quantity
         order by l.product_id
        """;

    private const string ShippedSql = """
        select exists (select from shipments
                        where order_id = @OrderId and seller_id = any(@Sellers) and status in ('SHIPPED', 'DELIVERED'))
        """;

    private const string StartSql = """
        with attempt as (
            insert into refund_attempts (refund_id, order_id, payment_id, restock, status, recover_at, started_at)
            values (@RefundId, @OrderId, @PaymentId, @Restock, 'REQUESTED', @RecoverAt, @Now)
            returning refund_id)
        insert into refund_attempt_lines (refund_id, product_id, quantity)
        select attempt.refund_id, line.*
          from attempt, unnest(@Products, @Quantities) as line
        """;

    /// <param name="PaymentId">The payment that is refunded; the order's own unless it is said.</param>
    /// <param name="Lines">Left out: all that is left of the order.</param>
    public sealed record Request(
        Guid RefundId, Guid? PaymentId = null, IReadOnlyList<LineRequest>? Lines = null, bool Restock = false);

    public sealed record LineRequest(Guid ProductId, int Quantity);

    public sealed record Response(Guid RefundId, Guid OrderId);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, Database<OrderingDb> database, OrderingOptions options, CancellationToken ct)
    {
        if (request.RefundId == Guid.Empty) return Problems.Invalid("refundId", "This is not an id.");
        if (request.Lines is { } lines && !AreUnits(lines))
        {
            return Problems.Invalid("lines", "Lines name a product once, with one unit or more, or are left out.");
        }

        // Dying after the commit and before Payments stores its refund: the recovery sweep asks Payments, gets a
        // tombstone, and the units may be sent again.
        var verdict = await database.TransactAsync(tx => RunAsync(tx, id, request, options), ct);
        return verdict switch
        {
            RefundVerdict.Granted or RefundVerdict.AlreadyGranted =>
                TypedResults.Ok(new Response(request.RefundId, id)),
            RefundVerdict.Ended => Problems.Conflict("attempt-abandoned", "This refund is over; ask for another one."),
            RefundVerdict.NotPaid => Problems.Conflict(
                "order-not-refundable", "This order does not stand on that payment, which goes back by itself."),
            RefundVerdict.BeingCancelled => Problems.Conflict(
                "order-being-cancelled", "This order is being cancelled: all that is left goes back by itself."),
            RefundVerdict.AlreadyRefunded => Problems.Conflict("order-refunded", "This order was refunded already."),
            RefundVerdict.AlreadyShipped => Problems.Conflict(
                "already-shipped", "Goods of these lines are on their way: they can be refunded without restock."),
            RefundVerdict.UnknownLine => Problems.Conflict("line-unknown", "The order has no such line."),
            _ => Problems.NotFound(),
        };
    }

    /// <summary>Whether units may be refunded, by the order's state and what has left.</summary>
    internal static RefundVerdict Decide(
        OrderStatus status, bool isItsPayment, bool cancelRequested, bool restock, bool anyShipped)
    {
        if (!status.WasPaid() || !isItsPayment) return RefundVerdict.NotPaid;
        if (status == OrderStatus.Refunded) return RefundVerdict.AlreadyRefunded;
        if (cancelRequested) return RefundVerdict.BeingCancelled;
        return restock && anyShipped ? RefundVerdict.AlreadyShipped : RefundVerdict.Granted;
    }

    private static bool AreUnits(IReadOnlyList<LineRequest> lines) =>
        lines.Count > 0 && lines.All(line => line is { Quantity: > 0 })
        && lines.DistinctBy(line => line.ProductId).Count() == lines.Count;

    private static async Task<RefundVerdict?> RunAsync(
        Transaction<OrderingDb> tx, Guid orderId, Request request, OrderingOptions options)
    {
        if (await LockPaidAsync(tx, orderId, request.PaymentId) is not { } order) return null;
        if (await tx.QuerySingleOrDefaultAsync<Known>(KnownSql, new { request.RefundId }) is { } known)
        {
            return known.OrderId == orderId && known.Status != "FAILED"
                ? RefundVerdict.AlreadyGranted
                : RefundVerdict.Ended;
        }

        var left = await tx.QueryAsync<Units>(LinesSql, new { OrderId = orderId });
        if (Wanted(request, left) is not { } wanted) return RefundVerdict.UnknownLine;

        var sellers = wanted.Select(units => units.SellerId).Distinct().ToArray();
        var anyShipped = await tx.QuerySingleOrDefaultAsync<bool>(
            ShippedSql, new { OrderId = orderId, Sellers = sellers });
        var paymentId = request.PaymentId ?? order.PaymentId;
        var verdict = Decide(
            order.Status, order.PaymentId == paymentId, order.CancelRequested, request.Restock, anyShipped);
        if (verdict != RefundVerdict.Granted) return verdict;

        await tx.ExecuteAsync(StartSql, new
        {
            request.RefundId, OrderId = orderId, PaymentId = paymentId, request.Restock, tx.Now,
            RecoverAt = tx.Now.AddSeconds(options.RecoveryAgeSeconds),
            Products = wanted.Select(units => units.ProductId).ToArray(),
            Quantities = wanted.Select(units => units.Quantity).ToArray(),
        });
        return verdict;
    }

    /// <summary>
    /// The locked order. Payments refunds only what is COMPLETED there, so an order that still waits for this payment
    /// has just not heard of it: it hears of it now.
    /// </summary>
    private static async Task<Order?> LockPaidAsync(Transaction<OrderingDb> tx, Guid orderId, Guid? paymentId)
    {
        if (await OrderRows.LockAsync(tx, orderId) is not { UserId: not null } order) return null;
        if (order.Status != OrderStatus.PaymentPending || paymentId is null || order.PaymentId != paymentId)
        {
            return order;
        }

        await SettlePayment.CompleteAsync(tx, orderId, paymentId.Value, "refund asked", eventId: null);
        return await OrderRows.LockAsync(tx, orderId);
    }

    private static Units[]? Wanted(Request request, IReadOnlyList<Units> left)
    {
        if (request.Lines is null) return [.. left.Where(units => units.Quantity > 0)];

        var asked = request.Lines.ToDictionary(line => line.ProductId, line => line.Quantity);
        Units[] lines =
        [
            .. left.Where(units => asked.ContainsKey(units.ProductId))
                .Select(units => units with { Quantity = asked[units.ProductId] }),
        ];
        return lines.Length == asked.Count ? lines : null;
    }

    internal enum RefundVerdict
    {
        /// <summary>The units are frozen.</summary>
        Granted,

        /// <summary>They were frozen for this refund before.</summary>
        AlreadyGranted,

        /// <summary>This refund failed or was given up, or is another order's.</summary>
        Ended,

        /// <summary>The order was never paid, or by another payment.</summary>
        NotPaid,

        /// <summary>Everything goes back already.</summary>
        BeingCancelled,

        AlreadyRefunded,

        /// <summary>It cannot go back on the shelf: it has left.</summary>
        AlreadyShipped,

        UnknownLine,
    }

    private sealed record Known(Guid OrderId, string Status);

    private sealed record Units(Guid ProductId, Guid SellerId, int Quantity);
}
