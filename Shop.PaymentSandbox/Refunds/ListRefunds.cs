using Microsoft.AspNetCore.Http.HttpResults;
using Shop.PaymentSandbox.Charges;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.PaymentSandbox.Refunds;

/// <summary>All refunds in the order of their keys, as <see cref="ListCharges"/>.</summary>
internal static class ListRefunds
{
    private const string Sql = $"""
        select {Refund.Columns} from refunds where key > @after order by key limit @limit
        """;

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Database<SandboxDb> database, CancellationToken ct, string? after = null, int limit = 100)
    {
        if (limit is < 1 or > ListCharges.MaxLimit)
        {
            return Problems.Invalid("limit", $"The limit must be 1 to {ListCharges.MaxLimit}.");
        }

        if (after is { Length: > 0 } && !Keys.IsValid(after)) return Problems.Invalid("after", "This is not a key.");

        var page = await database.TransactAsync(
            tx => tx.QueryAsync<Refund>(Sql, new { after = after ?? "", limit }), ct);
        return TypedResults.Ok(new Response(
            [.. page.Select(CreateRefund.Response.Of)], page.Count == limit ? page[^1].Key : null));
    }

    /// <param name="NextCursor">The next <c>after</c>; absent on the last page.</param>
    public sealed record Response(CreateRefund.Response[] Items, string? NextCursor);
}
