using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Catalog.Stock;

/// <summary>
/// Turns an order's held units into sold ones. If the hold had ended they are taken again; if that cannot be, the
/// shortage is recorded and published, and Ordering gives the money back.
/// </summary>
internal static class CommitStock
{
    public sealed record Request(Guid OrderId);

    public sealed record Response(Guid OrderId, HoldVerdict Verdict);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, Database<CatalogDb> db, CancellationToken ct)
    {
        if (request.OrderId == Guid.Empty) return Problems.Invalid("orderId", "required");
        var verdicts = await ResolveHolds.RunAsync(db, [new(request.OrderId, HoldCommand.Commit)], ct);
        return TypedResults.Ok(new Response(request.OrderId, verdicts[0]));
    }
}
