using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Catalog.Stock;

/// <summary>Gives an order's units back. An order that is not known is refused from now on.</summary>
internal static class ReleaseStock
{
    public sealed record Request(Guid OrderId);

    public sealed record Response(Guid OrderId, HoldVerdict Verdict);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, Database<CatalogDb> db, CancellationToken ct)
    {
        if (request.OrderId == Guid.Empty) return Problems.Invalid("orderId", "required");
        var verdicts = await ResolveHolds.RunAsync(db, [new(request.OrderId, HoldCommand.Release)], ct);
        return TypedResults.Ok(new Response(request.OrderId, verdicts[0]));
    }
}
