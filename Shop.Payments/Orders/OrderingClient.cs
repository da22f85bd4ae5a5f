using System.Net;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Shop.Payments.Refunds;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Orders;

/// <summary>Ordering, as Payments needs it.</summary>
internal sealed class OrderingClient(HttpClient http)
{
    /// <summary>
    /// Asks Ordering to take this payment for its order. Idempotent by the payment's id: a repeated question gets the
    /// same yes, and an attempt that ended is refused for ever.
    /// </summary>
    public async Task<PaymentStart> StartPaymentAsync(Guid orderId, Guid paymentId, Guid userId, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/internal/orders/{orderId}/payment-attempts")
        {
            Content = JsonContent.Create(new { paymentId, userId }, options: ShopJson.Options),
        };
        using var response = await http.SendAsync(request.MarkIdempotent(), ct);
        switch (response.StatusCode)
        {
            case HttpStatusCode.OK:
                var order = await response.Content.ReadFromJsonAsync<OrderToPay>(ShopJson.Options, ct);
                return new PaymentStart.Granted(Checked(order, orderId, userId));
            case HttpStatusCode.NotFound:
                return new PaymentStart.Refused(Problems.NotFound());
            case HttpStatusCode.Conflict:
                var problem = await response.Content.ReadFromJsonAsync<ProblemDetails>(ShopJson.Options, ct);
                return new PaymentStart.Refused(PassedOn(problem));
            default:
                throw new HttpRequestException(
                    $"Ordering answered {(int)response.StatusCode} to a payment attempt.", null, response.StatusCode);
        }
    }

    /// <summary>What this user's order comes to, or null: there is none that is this user's.</summary>
    public async Task<long?> FindTotalAsync(Guid orderId, Guid userId, CancellationToken ct)
    {
        using var response = await http.GetAsync($"/internal/orders/{orderId}", ct);
        if (response.StatusCode == HttpStatusCode.NotFound) return null;
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new HttpRequestException(
                $"Ordering answered {(int)response.StatusCode} about an order.", null, response.StatusCode);
        }

        var order = await response.Content.ReadFromJsonAsync<OrderTotal>(ShopJson.Options, ct);
        return order?.UserId == userId ? order.Total : null;
    }

    /// <summary>
    /// Asks Ordering to keep what a refund is about from being sent; null is its yes. Idempotent by the refund's id.
    /// Without lines it is about all that is left of the order.
    /// </summary>
    public async Task<ProblemHttpResult?> StartRefundAsync(
        Guid orderId, Guid refundId, Guid paymentId, RefundTerms terms, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/internal/orders/{orderId}/refund-attempts")
        {
            Content = JsonContent.Create(
                new { refundId, paymentId, terms.Lines, terms.Restock }, options: ShopJson.Options),
        };
        using var response = await http.SendAsync(request.MarkIdempotent(), ct);
        return response.StatusCode switch
        {
            HttpStatusCode.OK => null,
            HttpStatusCode.Conflict =>
                PassedOn(await response.Content.ReadFromJsonAsync<ProblemDetails>(ShopJson.Options, ct)),
            var other => throw new HttpRequestException(
                $"Ordering answered {(int)other} to a refund attempt.", null, other),
        };
    }

    private static OrderToPay Checked(OrderToPay? order, Guid orderId, Guid userId) =>
        order is { Amount: > 0 } && order.OrderId == orderId && order.UserId == userId
            && OrderedLine.AddUpTo(order.Lines, order.Amount)
            ? order
            : throw new InvalidOperationException($"Ordering's terms for order {orderId} do not hold together.");

    private static ProblemHttpResult PassedOn(ProblemDetails? problem)
    {
        var slug = problem?.Type?.Split(':')[^1] ?? "order-refuses";
        return Problems.Conflict(slug, problem?.Detail);
    }
}

internal sealed record OrderTotal(Guid UserId, long Total);

internal abstract record PaymentStart
{
    private PaymentStart()
    {
    }

    /// <summary>The order is PAYMENT_PENDING with this payment and names its frozen terms.</summary>
    public sealed record Granted(OrderToPay Order) : PaymentStart;

    public sealed record Refused(ProblemHttpResult Problem) : PaymentStart;
}

/// <summary>The frozen terms of an order: what to take, and the lines that it is for.</summary>
public sealed record OrderToPay(Guid OrderId, Guid UserId, long Amount, string Currency, OrderedLine[] Lines);

/// <summary>Units of a product and what is paid for them, with the discount that was taken off.</summary>
public sealed record OrderedLine(
    Guid ProductId, Guid SellerId, string Category, int Quantity, long Amount, long Discount = 0)
{
    /// <summary>True where the lines are an order's: each product once, amounts that add up.</summary>
    public static bool AddUpTo(OrderedLine[] lines, long amount) =>
        lines.All(line => line is { Quantity: > 0, Amount: >= 0, Discount: >= 0, Category: not null })
        && lines.DistinctBy(line => line.ProductId).Count() == lines.Length
        && lines.Sum(line => (decimal)line.Amount) == amount;
}
