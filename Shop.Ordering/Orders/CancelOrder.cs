using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Ordering.Coupons;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Orders;

/// <summary>
/// Undoes an order: at once while it is unpaid; by the outcome of its payment while that is under way; by a refund of
/// what is left once it is paid. Asking twice is asking once.
/// </summary>
internal static class CancelOrder
{
    private const int MaxReasonLength = 500;

    private const string CancelSql = """
        with cancelled as (
            update orders
               set status = 'CANCELLED', version = version + 1, updated_at = @Now, cancel_reason = @Reason
             where id = @OrderId and status = 'CREATED'
            returning id, status, version
        )
        insert into order_transitions (order_id, version, status, cause, trace_id, at)
        select id, version, status, 'cancelled: ' || @Reason, @TraceId, @Now from cancelled
        returning version
        """;

    // From here on nothing of it is shipped, and what its payment brings goes back.
    private const string RequestSql = """
        with requested as (
            update orders
               set cancel_requested = true, cancel_reason = @Reason, restock = @Restock,
                   version = version + 1, updated_at = @Now
             where id = @OrderId and status = @Status and not cancel_requested
            returning id, status, version
        )
        insert into order_transitions (order_id, version, status, cause, trace_id, at)
        select id, version, status, 'cancel requested: ' || @Reason, @TraceId, @Now from requested
        returning version
        """;

    private const string AnyShippedSql = """
        select exists (select from shipments where order_id = @OrderId and status in ('SHIPPED', 'DELIVERED'))
        """;

    /// <param name="Restock">Whether the units of a paid order go back on the shelf. Default: yes.</param>
    public sealed record Request(string? Reason = null, bool? Restock = null);

    public static async Task<Results<Ok<OrderView>, Accepted<OrderView>, ProblemHttpResult>> Handle(
        Guid id, Request request, ClaimsPrincipal user, Database<OrderingDb> database, OrderAnswers answers,
        CancellationToken ct)
    {
        if (request.Reason is not { Length: >= 1 and <= MaxReasonLength } reason || reason.Contains('\0'))
        {
            return Problems.Invalid("reason", $"A reason of 1 to {MaxReasonLength} characters is needed.");
        }

        Guid? owner = user.IsAdmin() ? null : user.UserId();
        // Dying after the commit: the events are in the outbox, and what they ask for happens without this call.
        var verdict = await database.TransactAsync(
            async tx =>
            {
                var decided = await RunAsync(tx, id, owner, reason, request.Restock ?? true);
                if (decided is OrderVerdict.Done or OrderVerdict.AwaitsPayment or OrderVerdict.RefundDue)
                {
                    await tx.AuditAdminAsync(user, "cancel order", $"order {id}");
                }

                return decided;
            },
            ct);
        return verdict switch
        {
            null or OrderVerdict.Refused => Problems.NotFound(),
            OrderVerdict.Done or OrderVerdict.AlreadyDone => TypedResults.Ok(await answers.ReadAsync(id, ct)),
            OrderVerdict.AwaitsPayment or OrderVerdict.RefundDue =>
                TypedResults.Accepted($"/orders/{id}", await answers.ReadAsync(id, ct)),
            OrderVerdict.OutOfTime => Problems.Conflict("order-expired", "This order has expired."),
            OrderVerdict.Shipped => Problems.Conflict(
                "order-shipped", "Goods of this order are on their way: ask for a refund of its payment."),
            _ => throw new InvalidOperationException($"Cancelling order {id} is {verdict}."),
        };
    }

    private static async Task<OrderVerdict?> RunAsync(
        Transaction<OrderingDb> tx, Guid orderId, Guid? owner, string reason, bool restock)
    {
        var order = await OrderRows.LockAsync(tx, orderId);
        if (order?.UserId is not { } userId || (owner is not null && owner != userId)) return null;

        var anyShipped = await tx.QuerySingleOrDefaultAsync<bool>(AnyShippedSql, new { OrderId = orderId });
        var decision = order.Decide(new OrderCommand.Cancel(anyShipped));
        var change = new
        {
            OrderId = orderId, Status = order.StatusText, Reason = reason, Restock = restock, OrderRows.TraceId, tx.Now,
        };
        switch (decision.Verdict)
        {
            case OrderVerdict.Done:
                var version = OrderRows.Changed(await tx.QuerySingleOrDefaultAsync<long?>(CancelSql, change));
                await SettleCoupons.GiveBackAsync(tx, order);
                tx.Publish(new OrderCancelled(orderId, userId, reason, tx.Now), version);
                break;
            case OrderVerdict.AwaitsPayment when !order.CancelRequested:
                var asked = OrderRows.Changed(await tx.QuerySingleOrDefaultAsync<long?>(RequestSql, change));
                tx.Publish(new PaymentVoidDue(orderId, order.PaymentId!.Value, tx.Now), asked);
                break;
            case OrderVerdict.RefundDue when !order.CancelRequested:
                var due = OrderRows.Changed(await tx.QuerySingleOrDefaultAsync<long?>(RequestSql, change));
                await OrderRows.PublishRefundDueAsync(
                    tx, orderId, order.PaymentId!.Value, "cancelled", restock, due);
                break;
            default:
                break;
        }

        return decision.Verdict;
    }
}
