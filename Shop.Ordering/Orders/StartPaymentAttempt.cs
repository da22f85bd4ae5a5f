using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Orders;

/// <summary>
/// Payments asks whether this order may be paid by this payment now. A yes makes it PAYMENT_PENDING, which does not
/// expire, and freezes nothing new: amount and lines are what was agreed. The same question has the same answer.
/// </summary>
internal static class StartPaymentAttempt
{
    private const string EndedSql = """
        select exists (select from payment_attempts
                        where order_id = @OrderId and payment_id = @PaymentId and status = 'FAILED')
        """;

    private const string StartSql = """
        with started as (
            update orders
               set status = 'PAYMENT_PENDING', payment_id = @PaymentId, recover_at = @RecoverAt,
                   version = version + 1, updated_at = @Now
             where id = @OrderId and user_id = @UserId and status = 'CREATED' and expires_at > @Now
            returning id, status, version
        ), attempt as (
            insert into payment_attempts (order_id, payment_id, status, started_at)
            select id, @PaymentId, 'REQUESTED', @Now from started
        )
        insert into order_transitions (order_id, version, status, cause, trace_id, at)
        select id, version, status, 'payment started', @TraceId, @Now from started
        returning version
        """;

    private const string LinesSql = "select * from order_lines where order_id = @OrderId order by line_no";

    public sealed record Request(Guid PaymentId, Guid UserId);

    public sealed record Response(
        Guid OrderId, Guid UserId, long Amount, string Currency, IReadOnlyList<Response.Line> Lines)
    {
        public sealed record Line(
            Guid ProductId, Guid SellerId, string Category, int Quantity, long Amount, long Discount);
    }

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, Database<OrderingDb> database, OrderingOptions options, CancellationToken ct)
    {
        if (request.PaymentId == Guid.Empty) return Problems.Invalid("paymentId", "This is not an id.");
        // Dying after the commit and before Payments stores its payment: the recovery sweep asks Payments, gets a
        // tombstone, and the order may be paid again.
        var (verdict, response) = await database.TransactAsync(tx => RunAsync(tx, id, request, options), ct);
        return (verdict, response) switch
        {
            (OrderVerdict.Done or OrderVerdict.AlreadyDone, { } answer) => TypedResults.Ok(answer),
            (OrderVerdict.OutOfTime, _) => Problems.Conflict("order-expired", "The time to pay this order is over."),
            (OrderVerdict.PaymentInFlight, _) =>
                Problems.Conflict("payment-in-flight", "Another payment of this order is under way."),
            (OrderVerdict.AttemptEnded, _) =>
                Problems.Conflict("attempt-ended", "This payment of the order is over; start another one."),
            (OrderVerdict.Refused, not null) =>
                Problems.Conflict("order-not-payable", "This order cannot be paid any more."),
            _ => Problems.NotFound(),
        };
    }

    private static async Task<(OrderVerdict Verdict, Response? Response)> RunAsync(
        Transaction<OrderingDb> tx, Guid orderId, Request request, OrderingOptions options)
    {
        var order = await OrderRows.LockAsync(tx, orderId);
        // Somebody else's order and a tombstone are as good as none.
        if (order is null || order.UserId != request.UserId) return (OrderVerdict.Refused, null);

        var keys = new
        {
            OrderId = orderId, request.PaymentId, request.UserId, tx.Now, OrderRows.TraceId,
            RecoverAt = tx.Now.AddSeconds(options.RecoveryAgeSeconds),
        };
        var ended = await tx.QuerySingleOrDefaultAsync<bool>(EndedSql, keys);
        var decision = order.Decide(new OrderCommand.StartPayment(request.PaymentId, ended, keys.Now));
        if (decision.Verdict == OrderVerdict.Done)
        {
            OrderRows.Changed(await tx.QuerySingleOrDefaultAsync<long?>(StartSql, keys));
        }

        var lines = await tx.QueryAsync<OrderLine>(LinesSql, keys);
        return (decision.Verdict, new(
            orderId, request.UserId, order.TotalMinor!.Value, order.Currency!,
            [.. lines.Select(l => new Response.Line(
                l.ProductId, l.SellerId, l.Category, l.Quantity, l.AmountMinor, l.DiscountMinor))]));
    }
}
