using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Payments.Orders;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Cards;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Idempotency;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Payments;

/// <summary>
/// <c>POST /payments</c>, race 3: the key and its id are looked up, then Ordering is asked, then one transaction
/// stores everything. The answer is 202: the processor is a worker's business.
/// </summary>
internal static class PayOrder
{
    private const string Operation = "POST /payments";

    public static async Task<Results<ContentHttpResult, ProblemHttpResult>> Handle(
        Request request, HttpContext http, ClaimsPrincipal user, Database<PaymentsDb> database,
        OrderingClient ordering, PaymentsOptions options, CancellationToken ct)
    {
        var errors = PaymentTerms.Check(request.Method, request.CardToken, request.Points);
        if (request.OrderId == Guid.Empty) errors["orderId"] = ["orderId is required."];
        if (errors.Count > 0) return Problems.Invalid(errors);

        var userId = user.UserId();
        var key = IdempotencyKey.Read(http, userId, Operation, request, out var problem);
        if (key is null) return KeyProblem(problem);

        if (await StoredAnswer.FindAsync(database, userId, key, ct) is { } stored) return stored.Send(http);

        // Dying after Ordering's yes leaves the order PAYMENT_PENDING: its sweep asks about the id, gets a tombstone.
        var started = await ordering.StartPaymentAsync(request.OrderId, key.ResourceId, userId, ct);
        if (started is PaymentStart.Refused refused) return refused.Problem;

        var order = ((PaymentStart.Granted)started).Order;
        var attempt = new StorePayment.Attempt(
            userId, request.OrderId, request.Method!, request.CardToken, order.Amount, Points: 0, order.Currency,
            order.Lines, key);
        var answer = await database.TransactAsync(tx => StorePayment.RunAsync(tx, attempt, options), ct);
        return answer.Send(http);
    }

    /// <summary>The 400 of a request that moves money without a key, or with an unusable one.</summary>
    public static ProblemHttpResult KeyProblem(string? problem) => problem is null
        ? Problems.Of(400, "idempotency-key-missing", $"{IdempotencyKey.Header} is required where money moves.")
        : Problems.Of(400, "idempotency-key-invalid", problem);

    public sealed record Request(Guid OrderId, string? Method, string? CardToken, long? Points);
}

/// <summary>How an order may be paid, the same for both ways of asking.</summary>
internal static class PaymentTerms
{
    public static Dictionary<string, string[]> Check(string? method, string? cardToken, long? points)
    {
        var errors = new Dictionary<string, string[]>();
        if (method != Payment.Card) errors["method"] = [$"method must be one of: {Payment.Card}."];
        if (CardTokens.Complaint(cardToken) is { } complaint) errors["cardToken"] = [complaint];
        if (points is not null and not 0) errors["points"] = [$"points are not taken with method {Payment.Card}."];
        return errors;
    }
}
