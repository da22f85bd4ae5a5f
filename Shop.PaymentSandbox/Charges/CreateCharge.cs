using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.PaymentSandbox.Webhooks;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.PaymentSandbox.Charges;

/// <summary>
/// Charges a card, once per key: the first row decides, and everybody who comes with the same request is told the same.
/// </summary>
internal static class CreateCharge
{
    public static async Task<Results<Ok<Response>, StatusCodeHttpResult, ProblemHttpResult>> Handle(
        Request request, HttpContext http, Database<SandboxDb> database, WebhookWriter webhooks, SlowCharges slow,
        Outages outages, CancellationToken ct)
    {
        if (CardNumbers.IsIn(request.CardToken) || CardNumbers.Is(request.Key))
        {
            return Problems.Of(
                StatusCodes.Status400BadRequest, "card-number-refused", "Send a token, never a card number.");
        }

        var plan = Plan.Of(request.CardToken);
        if (plan.Behaviour is Behaviour.Flaky && await outages.ComesNowAsync(request.Key, Plan.FlakyFailures, ct))
        {
            return TypedResults.StatusCode(StatusCodes.Status500InternalServerError);
        }

        if (plan.Behaviour is Behaviour.HangAndForget && await IsUnknownAsync(request.Key, database, ct))
        {
            await outages.HangAsync(ct);
            return TypedResults.StatusCode(StatusCodes.Status504GatewayTimeout);
        }

        var charge = await database.TransactAsync(tx => StoreAsync(tx, request, plan, webhooks), ct);
        if (charge.Status == Charge.Voided) return Problems.Conflict("key-voided", "This key was voided.");
        if (!charge.IsSameRequest(request))
        {
            return Problems.Conflict("key-reused", "This key stands for another amount, currency or card.");
        }

        if (charge.Status == Charge.Pending)
        {
            charge = await slow.DecideInTimeAsync(charge);
            if (charge.Status == Charge.Voided) return Problems.Conflict("key-voided", "This key was voided.");
        }

        // Whatever happens to this answer, what it says is stored.
        if (plan.Behaviour is Behaviour.HangAfterwards) await outages.HangAsync(ct);
        return TypedResults.Ok(Response.Of(charge));
    }

    private static async Task<Charge> StoreAsync(
        Transaction<SandboxDb> tx, Request request, Plan plan, WebhookWriter webhooks)
    {
        // Of many at once, one inserts; the others wait here for its commit and then find its row.
        if (await Charge.InsertAsync(tx, request) is not { } charge)
        {
            return await Charge.FindAsync(tx, request.Key)
                ?? throw new InvalidOperationException("A charge that was there is gone.");
        }

        if (plan.Behaviour is Behaviour.Slow) return charge;
        var decided = await Charge.DecideAsync(tx, charge.Key, plan)
            ?? throw new InvalidOperationException("A charge that this transaction inserted is not pending.");
        await webhooks.WriteAsync(tx, decided, plan.Behaviour);
        return decided;
    }

    private static async Task<bool> IsUnknownAsync(string key, Database<SandboxDb> database, CancellationToken ct) =>
        await database.TransactAsync(tx => Charge.FindAsync(tx, key), ct) is null;

    public sealed record Request(
        [Required, RegularExpression(Keys.Pattern)] string Key,
        [Range(1L, 1_000_000_000_000L)] long Amount,
        [Required, RegularExpression("[A-Z]{3}")] string Currency,
        [Required, RegularExpression("[ -~]{1,255}")] string CardToken);

    public sealed record Response(
        string Key, string Status, long Amount, string Currency, string? FailureCode, long Refunded,
        DateTimeOffset CreatedAt, DateTimeOffset? DecidedAt)
    {
        public static Response Of(Charge charge) => new(
            charge.Key, charge.Status, charge.AmountMinor ?? 0, charge.Currency ?? "", charge.FailureCode,
            charge.RefundedMinor, charge.CreatedAt, charge.DecidedAt);
    }
}
