using System.Net;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering;

/// <summary>Payments, asked about one order's payment: every call carries both ids and may be repeated.</summary>
internal sealed class PaymentsClient(HttpClient http)
{
    /// <summary>Starts a payment of an order that is PAYMENT_PENDING with exactly this payment.</summary>
    public async Task<StartVerdict> StartAsync(NewPayment payment, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/internal/payments")
        {
            Content = JsonContent.Create(payment, options: ShopJson.Options),
        };
        using var response = await http.SendAsync(request.MarkIdempotent(), ct);
        return response.StatusCode switch
        {
            HttpStatusCode.Accepted or HttpStatusCode.OK => StartVerdict.Started,
            HttpStatusCode.PaymentRequired => StartVerdict.Failed,
            HttpStatusCode.Conflict => StartVerdict.Abandoned,
            var other => throw new HttpRequestException(
                $"Payments answered {(int)other} to the start of a payment.", null, other),
        };
    }

    /// <summary>
    /// How a payment stands. Asking about one that Payments does not know leaves a tombstone there: FAILED, and never
    /// anything else.
    /// </summary>
    public async Task<PaymentState> AskAsync(Guid orderId, Guid paymentId, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Get, $"/internal/payments/{paymentId}?orderId={orderId}");
        using var response = await http.SendAsync(request, ct);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new HttpRequestException(
                $"Payments answered {(int)response.StatusCode} about a payment.", null, response.StatusCode);
        }

        return await response.Content.ReadFromJsonAsync<PaymentState>(ShopJson.Options, ct)
            ?? throw new HttpRequestException("Payments answered a question with nothing.");
    }

    /// <summary>
    /// How a refund stands. Asking about one that Payments does not know leaves a tombstone there: FAILED, and never
    /// anything else.
    /// </summary>
    public async Task<RefundState> AskRefundAsync(Guid paymentId, Guid refundId, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Get, $"/internal/refunds/{refundId}?paymentId={paymentId}");
        using var response = await http.SendAsync(request, ct);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new HttpRequestException(
                $"Payments answered {(int)response.StatusCode} about a refund.", null, response.StatusCode);
        }

        return await response.Content.ReadFromJsonAsync<RefundState>(ShopJson.Options, ct)
            ?? throw new HttpRequestException("Payments answered a question with nothing.");
    }

    internal sealed record NewPayment(
        Guid PaymentId, Guid OrderId, Guid UserId, string Method, string? CardToken, long? Points, long Amount,
        string Currency, IReadOnlyList<PayableLine> Lines);

    /// <param name="Amount">What is paid, <paramref name="Discount"/> taken off.</param>
    internal sealed record PayableLine(
        Guid ProductId, Guid SellerId, string Category, int Quantity, long Amount, long Discount);

    /// <param name="Status">REQUESTED, PROCESSING, COMPLETED or FAILED.</param>
    internal sealed record PaymentState(Guid PaymentId, Guid OrderId, string Status, string? Failure);

    /// <param name="Status">REQUESTED, PROCESSING, COMPLETED or FAILED.</param>
    internal sealed record RefundState(Guid RefundId, Guid PaymentId, string Status, string? Failure);
}

/// <summary>What Payments said to the start of a payment.</summary>
internal enum StartVerdict
{
    /// <summary>It is stored there; its outcome will come.</summary>
    Started,

    /// <summary>It is stored there as FAILED.</summary>
    Failed,

    /// <summary>Somebody asked for it before it was there: it will never be.</summary>
    Abandoned,
}
