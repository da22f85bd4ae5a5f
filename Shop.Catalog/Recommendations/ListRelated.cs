using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Catalog.Popularity;
using Shop.Catalog.Products;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Catalog.Recommendations;

/// <summary>
/// What was bought together with a product, most often first, then what sells best in its category.
/// </summary>
internal static class ListRelated
{
    internal const int DefaultLimit = 10;
    internal const int MaxLimit = 100;

    private const string TogetherSql = """
        select other_id
          from popularity_pairs
         where product_id = @Id and orders > 0
         order by orders desc, other_id
         limit @Max
        """;

    public static async Task<Results<Ok<Suggestions>, ProblemHttpResult>> Handle(
        Guid id, ClaimsPrincipal user, Database<CatalogDb> facts, Ranking ranking, ProductCache cache,
        CancellationToken ct, string? limit = null)
    {
        var errors = new FieldErrors();
        var count = PageLimit.Parse(limit, DefaultLimit, MaxLimit, errors);
        if (errors.Any) return errors.ToProblem();

        var product = await cache.GetAsync($"one:{id}", (db, stop) => GetProduct.ReadAsync(db, id, stop), ct);
        if (product is null || !product.IsVisibleTo(user)) return Problems.NotFound();

        var related = await cache.GetAsync($"related:{id}:{count}", ReadAsync, ct);
        return TypedResults.Ok(related!);

        async Task<Suggestions?> ReadAsync(CatalogDb db, CancellationToken stop)
        {
            var candidates = new Candidates([id]);
            var together = await facts.QueryAsync<Guid>(
                TogetherSql, new { Id = id, Max = Candidates.MaxFromSource }, stop);
            candidates.Add(together, SuggestionReason.BoughtTogether);
            var popular = await ranking.GetAsync(new(PopularityWindow.Month, null, product.Category), stop);
            candidates.Add(popular.Select(place => place.ProductId), SuggestionReason.Popular);
            return new(await candidates.AvailableAsync(db, count, stop), null);
        }
    }
}
