using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.PaymentSandbox.Charges;

/// <summary>All charges in the order of their keys, for comparing books: a page at a time, nothing is missed.</summary>
internal static class ListCharges
{
    public const int MaxLimit = 1_000;

    private const string Sql = $"""
        select {Charge.Columns} from charges where key > @after order by key limit @limit
        """;

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Database<SandboxDb> database, CancellationToken ct, string? after = null, int limit = 100)
    {
        if (limit is < 1 or > MaxLimit) return Problems.Invalid("limit", $"The limit must be 1 to {MaxLimit}.");
        if (after is { Length: > 0 } && !Keys.IsValid(after)) return Problems.Invalid("after", "This is not a key.");

        var page = await database.TransactAsync(
            tx => tx.QueryAsync<Charge>(Sql, new { after = after ?? "", limit }), ct);
        return TypedResults.Ok(new Response(
            [.. page.Select(CreateCharge.Response.Of)], page.Count == limit ? page[^1].Key : null));
    }

    /// <param name="NextCursor">The next <c>after</c>; absent on the last page.</param>
    public sealed record Response(CreateCharge.Response[] Items, string? NextCursor);
}
