using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Payments.Payments;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Cards;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Idempotency;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Points;

/// <summary>
/// <c>POST /points/charge</c>: points for money, one for each minor unit. It is a TOP_UP payment by card, stored,
/// charged and recovered like that of an order; nobody else has to be asked first.
/// </summary>
internal static class ChargePoints
{
    private const string Operation = "POST /points/charge";

    public sealed record Request(long Amount, string? CardToken);

    public static async Task<Results<ContentHttpResult, ProblemHttpResult>> Handle(
        Request request, HttpContext http, ClaimsPrincipal user, Database<PaymentsDb> database,
        PaymentsOptions options, PointsOptions points, CancellationToken ct)
    {
        var errors = PaymentMethods.Complaints(PaymentMethods.Card, request.CardToken, null);
        if (request.Amount < 1 || request.Amount > points.MaxTopUp)
        {
            errors["amount"] = [$"Allowed: 1 to {points.MaxTopUp}."];
        }

        if (errors.Count > 0) return Problems.Invalid(errors);

        var userId = user.UserId();
        var key = IdempotencyKey.Read(http, userId, Operation, request, out var problem);
        if (key is null) return PayOrder.KeyProblem(problem);

        if (await StoredAnswer.FindAsync(database, userId, key, ct) is { } stored) return stored.Send(http);

        var attempt = new StorePayment.Attempt(
            userId, OrderId: null, PaymentMethods.Card, request.CardToken, request.Amount, Points: 0,
            PointsAccount.Currency, Lines: [], key);
        var answer = await database.TransactAsync(
            async tx =>
            {
                var answer = await StorePayment.RunAsync(tx, attempt, options);
                if (!answer.Replayed && answer.Status == StatusCodes.Status202Accepted)
                {
                    await GrantPoints.PromiseAsync(
                        tx, key.ResourceId, userId, request.Amount, tx.Now.AddDays(points.LifeDays));
                }

                return answer;
            },
            ct);
        return answer.Send(http);
    }
}
