using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.PaymentSandbox.Charges;
using Shop.PaymentSandbox.Webhooks;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.PaymentSandbox.Refunds;

/// <summary>Gives back a part of a capture, once per refund key, and never more than was captured.</summary>
internal static class CreateRefund
{
    private const string LockChargeSql = $"select {Charge.Columns} from charges where key = @chargeKey for update";

    private const string AllocateSql = """
        update charges
           set refunded_minor = refunded_minor + @Amount
         where key = @chargeKey and refunded_minor + @Amount <= captured_minor
        """; // 0 rows: not so much is left.

    private const string InsertSql = $"""
        insert into refunds (key, charge_key, status, amount_minor, failure_code, created_at)
        values (@Key, @chargeKey, @status, @Amount, @failureCode, @Now)
            on conflict (key) do nothing
        returning {Refund.Columns}
        """; // 0 rows: another charge's refund took the key at the same time.

    public static async Task<Results<Ok<Response>, StatusCodeHttpResult, ProblemHttpResult>> Handle(
        string key, Request request, Database<SandboxDb> database, WebhookWriter webhooks, Outages outages,
        CancellationToken ct)
    {
        if (!Keys.IsValid(key)) return Problems.NotFound();
        if (CardNumbers.Is(request.Key))
        {
            return Problems.Of(StatusCodes.Status400BadRequest, "card-number-refused", "This is no key.");
        }

        if (await database.TransactAsync(tx => Charge.FindAsync(tx, key), ct) is not { } charge)
        {
            return Problems.NotFound();
        }

        if (charge.Status != Charge.Captured)
        {
            return Problems.Conflict("charge-not-captured", "There is nothing to give back.");
        }

        if (charge.CardToken == Plan.RefundFlaky
            && await outages.ComesNowAsync($"refund:{request.Key}", Plan.FlakyFailures, ct))
        {
            return TypedResults.StatusCode(StatusCodes.Status500InternalServerError);
        }

        var refund = await database.TransactAsync(tx => DecideAsync(tx, key, request, webhooks), ct);
        return refund is not null && refund.ChargeKey == key && refund.AmountMinor == request.Amount
            ? TypedResults.Ok(Response.Of(refund))
            : Problems.Conflict("key-reused", "This key stands for another refund.");
    }

    /// <summary>The refund of this key, decided now or before; null: another charge's refund holds the key.</summary>
    private static async Task<Refund?> DecideAsync(
        Transaction<SandboxDb> tx, string chargeKey, Request request, WebhookWriter webhooks)
    {
        // All refunds of a charge, and all tries of one refund, queue here.
        var charge = await tx.QuerySingleOrDefaultAsync<Charge>(LockChargeSql, new { chargeKey });
        if (await Refund.FindAsync(tx, request.Key) is { } known) return known;

        var failureCode = charge!.CardToken == Plan.RefundRefused
            ? "refund-refused"
            : await tx.ExecuteAsync(AllocateSql, new { chargeKey, request.Amount }) == 0
                ? "amount-exceeds-capture"
                : null;
        var status = failureCode is null ? Refund.Refunded : Refund.Refused;
        var refund = await tx.QuerySingleOrDefaultAsync<Refund>(
            InsertSql, new { request.Key, chargeKey, status, request.Amount, failureCode, tx.Now });
        if (refund is null)
        {
            tx.Refuse();
            return null;
        }

        if (failureCode is null) await webhooks.WriteAsync(tx, refund);
        return refund;
    }

    public sealed record Request(
        [Required, RegularExpression(Keys.Pattern)] string Key,
        [Range(1L, 1_000_000_000_000L)] long Amount);

    public sealed record Response(
        string Key, string ChargeKey, string Status, long Amount, string? FailureCode, DateTimeOffset CreatedAt)
    {
        public static Response Of(Refund refund) => new(
            refund.Key, refund.ChargeKey, refund.Status, refund.AmountMinor, refund.FailureCode, refund.CreatedAt);
    }
}
