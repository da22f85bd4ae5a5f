using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.PaymentSandbox.Charges;

/// <summary>The outcome of a key. 404: nothing was charged yet, not that nothing will be; void it for that.</summary>
internal static class GetCharge
{
    public static async Task<Results<Ok<CreateCharge.Response>, ProblemHttpResult>> Handle(
        string key, Database<SandboxDb> database, SlowCharges slow, CancellationToken ct)
    {
        if (!Keys.IsValid(key)) return Problems.NotFound();
        return await database.TransactAsync(tx => Charge.FindAsync(tx, key), ct) is { } charge
            ? TypedResults.Ok(CreateCharge.Response.Of(await slow.DecideIfDueAsync(charge)))
            : Problems.NotFound();
    }
}
