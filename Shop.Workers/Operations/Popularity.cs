using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Catalog;
using Shop.Catalog.Popularity;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Workers.Operations;

/// <summary>Makes the sums behind popular and related products again and tells what was wrong.</summary>
internal static class Popularity
{
    public static async Task<Results<Ok<RebuildPopularity.Corrected>, ProblemHttpResult>> Rebuild(
        IServiceProvider services, CancellationToken ct) =>
        await RebuildPopularity.Handle(
            services.GetRequiredService<Database<CatalogDb>>(), services.GetRequiredService<PopularityOptions>(), ct)
            is { } corrected
            ? TypedResults.Ok(corrected)
            : Problems.Conflict("rebuild-running", "Another process rebuilds it now.");
}
