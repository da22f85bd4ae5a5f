using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.PaymentSandbox.Charges;

/// <summary>
/// Makes sure that a key will never be captured, whether anybody has charged it or not. A capture and a void of one key
/// meet at its row: exactly one of them wins.
/// </summary>
internal static class VoidCharge
{
    private const string Sql = """
        insert into charges as c (key, status, created_at, decided_at) values (@key, 'VOIDED', @Now, @Now)
            on conflict (key) do update
           set status = 'VOIDED', decided_at = @Now
         where c.status = 'PENDING'
        """; // 0 rows: it was decided before.

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        string key, Database<SandboxDb> database, CancellationToken ct)
    {
        if (!Keys.IsValid(key)) return Problems.Invalid("key", "A key has 1 to 255 visible ASCII characters.");
        if (CardNumbers.Is(key))
        {
            return Problems.Of(StatusCodes.Status400BadRequest, "card-number-refused", "This is no key.");
        }

        var captured = await database.TransactAsync(async tx =>
            await tx.ExecuteAsync(Sql, new { key, tx.Now }) == 0
                && await Charge.FindAsync(tx, key) is { Status: Charge.Captured }, ct);

        // A declined charge will not be captured either, which is all that a caller of this wants to know.
        return TypedResults.Ok(new Response(key, captured ? "ALREADY_CAPTURED" : Charge.Voided));
    }

    public sealed record Response(string Key, string Result);
}
