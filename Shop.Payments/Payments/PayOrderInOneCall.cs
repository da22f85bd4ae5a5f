using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Payments.Orders;
using Shop.Payments.Points;
using Shop.ServiceDefaults.Cards;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Idempotency;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Payments;

/// <summary>
/// <c>POST /internal/payments</c>: the one-call purchase. Ordering has stored the order with this payment's id and
/// sends its frozen terms, so nobody is asked; the id is the key.
/// </summary>
internal static class PayOrderInOneCall
{
    private const string Operation = "POST /internal/payments";

    public static async Task<Results<ContentHttpResult, ProblemHttpResult>> Handle(
        Request request, HttpContext http, Database<PaymentsDb> database, PaymentsOptions options,
        CancellationToken ct)
    {
        var errors = Check(request);
        if (errors.Count > 0) return Problems.Invalid(errors);

        var key = IdempotencyKey.Of(request.UserId, Operation, request.PaymentId.ToString(), request) with
        {
            ResourceId = request.PaymentId,
        };
        if (await StoredAnswer.FindAsync(database, request.UserId, key, ct) is { } stored) return stored.Send(http);

        var (card, points) = PaymentMethods.Legs(request.Method!, request.Points, request.Amount);
        var attempt = new StorePayment.Attempt(
            request.UserId, request.OrderId, request.Method!, request.CardToken, card, points, request.Currency!,
            request.Lines!, key);
        var answer = await database.TransactAsync(tx => StorePayment.RunAsync(tx, attempt, options), ct);
        return answer.Send(http);
    }

    private static Dictionary<string, string[]> Check(Request request)
    {
        var errors = PaymentMethods.Complaints(request.Method, request.CardToken, request.Points);
        if (errors.Count == 0
            && PaymentMethods.PointsComplaint(request.Method!, request.Points, request.Amount) is { } misfit)
        {
            errors["points"] = [misfit];
        }

        if (request.PaymentId == Guid.Empty) errors["paymentId"] = ["paymentId is required."];
        if (request.OrderId == Guid.Empty) errors["orderId"] = ["orderId is required."];
        if (request.UserId == Guid.Empty) errors["userId"] = ["userId is required."];
        if (request.Amount < 1) errors["amount"] = ["amount must be at least 1."];
        if (request.Currency is not { Length: 3 }) errors["currency"] = ["currency must be an ISO 4217 code."];
        else if (request.Method != PaymentMethods.Card && request.Currency != PointsAccount.Currency)
        {
            errors["currency"] = [$"Points pay {PointsAccount.Currency} only."];
        }

        if (request.Lines is not { Length: > 0 }) errors["lines"] = ["lines are required."];
        else if (!OrderedLine.AddUpTo(request.Lines, request.Amount))
        {
            errors["lines"] = ["lines must add up to amount."];
        }

        return errors;
    }

    public sealed record Request(
        Guid PaymentId, Guid OrderId, Guid UserId, string? Method, string? CardToken, long? Points, long Amount,
        string? Currency, OrderedLine[]? Lines);
}
