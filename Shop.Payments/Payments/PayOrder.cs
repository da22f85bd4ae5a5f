using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Payments.Orders;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Cards;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;
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
        var errors = PaymentMethods.Complaints(request.Method, request.CardToken, request.Points);
        if (request.OrderId == Guid.Empty) errors["orderId"] = ["orderId is required."];
        if (errors.Count > 0) return Problems.Invalid(errors);

        var userId = user.UserId();
        var key = IdempotencyKey.Read(http, userId, Operation, request, out var problem);
        if (key is null) return KeyProblem(problem);

        if (await StoredAnswer.FindAsync(database, userId, key, ct) is { } stored) return stored.Send(http);

        if (await FitsAsync(request, userId, ordering, ct) is { } misfit) return misfit;

        Crash.At("PayOrder:before-start");
        var started = await ordering.StartPaymentAsync(request.OrderId, key.ResourceId, userId, ct);
        // Dying after Ordering's yes leaves the order PAYMENT_PENDING: its sweep asks about the id, gets a tombstone.
        Crash.At("PayOrder:after-start");
        if (started is PaymentStart.Refused refused) return refused.Problem;

        var order = ((PaymentStart.Granted)started).Order;
        var (card, points) = PaymentMethods.Legs(request.Method!, request.Points, order.Amount);
        var attempt = new StorePayment.Attempt(
            userId, request.OrderId, request.Method!, request.CardToken, card, points, order.Currency, order.Lines,
            key);
        var answer = await database.TransactAsync(tx => StorePayment.RunAsync(tx, attempt, options), ct);
        return answer.Send(http);
    }

    /// <summary>
    /// Points are measured by the total before Ordering is asked to take the payment: the order of a request that is
    /// wrong stays as it is.
    /// </summary>
    private static async Task<ProblemHttpResult?> FitsAsync(
        Request request, Guid userId, OrderingClient ordering, CancellationToken ct)
    {
        if (request.Method == PaymentMethods.Card || request.Points is null) return null;
        Crash.At("PayOrder:before-total");
        var found = await ordering.FindTotalAsync(request.OrderId, userId, ct);
        Crash.At("PayOrder:after-total");
        if (found is not { } total) return Problems.NotFound();

        return PaymentMethods.PointsComplaint(request.Method!, request.Points, total) is { } complaint
            ? Problems.Invalid("points", complaint)
            : null;
    }

    /// <summary>The 400 of a request that moves money without a key, or with an unusable one.</summary>
    public static ProblemHttpResult KeyProblem(string? problem) => problem is null
        ? Problems.Of(400, "idempotency-key-missing", $"{IdempotencyKey.Header} is required where money moves.")
        : Problems.Of(400, "idempotency-key-invalid", problem);

    public sealed record Request(Guid OrderId, string? Method, string? CardToken, long? Points);
}
