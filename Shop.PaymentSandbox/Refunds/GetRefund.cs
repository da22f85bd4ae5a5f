using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.PaymentSandbox.Refunds;

internal static class GetRefund
{
    public static async Task<Results<Ok<CreateRefund.Response>, ProblemHttpResult>> Handle(
        string key, Database<SandboxDb> database, CancellationToken ct) =>
        Keys.IsValid(key) && await database.TransactAsync(tx => Refund.FindAsync(tx, key), ct) is { } refund
            ? TypedResults.Ok(CreateRefund.Response.Of(refund))
            : Problems.NotFound();
}
