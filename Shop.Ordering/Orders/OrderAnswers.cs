using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Ordering.Coupons;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Orders;

/// <summary>
/// The answer that belongs to an order for ever. A plain order's answer is rebuilt from what never changes; that of
/// one call is written in the transaction that settles it.
/// </summary>
internal sealed class OrderAnswers(IServiceScopeFactory scopes)
{
    /// <param name="couponId">What the request called its coupon.</param>
    public async Task<Results<Created<OrderView>, Accepted<OrderView>, ProblemHttpResult>> StoredAsync(
        Order order, CancellationToken ct, Guid? couponId = null)
    {
        if (order.AnswerStatus is not { } status)
        {
            throw new InvalidOperationException($"Order {order.Id} has no answer yet.");
        }

        if (order.Status == OrderStatus.Abandoned)
        {
            var reason = JsonSerializer.Deserialize<string>(order.Answer!)!;
            return status == StatusCodes.Status400BadRequest
                ? ToProblem(reason)
                : CouponRefusals.ToProblem(reason, couponId);
        }

        if (status != StatusCodes.Status201Created)
        {
            var refusal = JsonSerializer.Deserialize<Refusal>(order.Answer!, ShopJson.Options)!;
            return Problems.Of(status, refusal.Slug, refusal.Detail, new Dictionary<string, object?>
            {
                ["orderId"] = order.Id,
                ["failure"] = refusal.Failure,
            });
        }

        var view = order.Answer is { } answer
            ? JsonSerializer.Deserialize<OrderView>(answer, ShopJson.Options)!
            : await ReadAsync(order.Id, ct) with { Status = OrderStatus.Created, Payments = [], Shipments = [] };
        return TypedResults.Created($"/orders/{order.Id}", view);
    }

    /// <summary>The order as it is now.</summary>
    public async Task<OrderView> ReadAsync(Guid orderId, CancellationToken ct)
    {
        // A context only where it is needed: most orders are answered from memory.
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<OrderingDb>();
        return await db.Orders.Where(order => order.Id == orderId)
            .Select(OrderView.FromRow).AsSplitQuery().SingleAsync(ct);
    }

    /// <summary>What to store in the tombstone of an order that could not have the coupon it required.</summary>
    public static (short Status, string Answer) CouponRefused(string refusal) =>
        (StatusCodes.Status409Conflict, JsonSerializer.Serialize(refusal));

    /// <summary>What to store in the tombstone of an order whose points did not fit its total.</summary>
    public static (short Status, string Answer) PointsMisfit(string misfit) =>
        (StatusCodes.Status400BadRequest, JsonSerializer.Serialize(misfit));

    public static ProblemHttpResult ToProblem(string misfit) => Problems.Invalid("payment.points", misfit);

    /// <summary>201: what to store when one call ends PAID.</summary>
    public static (short Status, string Answer) Paid(OrderView view) =>
        (StatusCodes.Status201Created, JsonSerializer.Serialize(view, ShopJson.Options));

    /// <summary>402 or 409: what to store when one call ends CANCELLED.</summary>
    public static (short Status, string Answer) Cancelled(bool cancelRequested, string failure)
    {
        var (status, refusal) = cancelRequested
            ? (StatusCodes.Status409Conflict, new Refusal(
                "order-cancelled", "The order was cancelled while it was being paid; nothing was taken.", failure))
            : failure == PaymentFailures.Abandoned
                ? (StatusCodes.Status409Conflict, new Refusal(
                    "attempt-abandoned", "The payment was given up and nothing was taken.", failure))
                : (StatusCodes.Status402PaymentRequired, failure == PaymentFailures.NotEnoughPoints
                    ? new Refusal(failure, "There are not enough points; the order is cancelled.", failure)
                    : new Refusal("payment-declined", "The payment was declined; the order is cancelled.", failure));
        return ((short)status, JsonSerializer.Serialize(refusal, ShopJson.Options));
    }

    private sealed record Refusal(string Slug, string Detail, string Failure);
}

/// <summary>Reasons of failed payments that mean something to Ordering.</summary>
internal static class PaymentFailures
{
    /// <summary>Payments never knew it, and has promised never to.</summary>
    public const string Abandoned = "attempt-abandoned";

    /// <summary>The buyer has fewer points than the payment was to take.</summary>
    public const string NotEnoughPoints = "not-enough-points";
}
