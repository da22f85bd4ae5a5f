using System.Text.Json.Serialization;
using Shop.Catalog.Products;

namespace Shop.Catalog.Recommendations;

/// <summary>Why a product is suggested.</summary>
public enum SuggestionReason
{
    /// <summary>Others bought it in one order with the product, or with what the user bought.</summary>
    BoughtTogether,

    /// <summary>Users who bought the same bought it too.</summary>
    SimilarBuyers,

    /// <summary>It sells well, and nothing better is known.</summary>
    Popular,

    /// <summary>The user bought it before, and there is nothing else.</summary>
    BoughtBefore,
}

/// <summary>Suggested products, the best first. There is one page.</summary>
/// <param name="NextCursor">Always null, and written as such.</param>
public sealed record Suggestions(
    IReadOnlyList<SuggestedProduct> Items,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

/// <summary>A product that can be ordered now, and why it is suggested.</summary>
public sealed record SuggestedProduct(
    Guid Id, Guid SellerId, string Category, string Name, string Description, long UnitPrice, string Currency,
    ProductStatus Status, long Available, long Version, DateTimeOffset CreatedAt, SuggestionReason Reason)
    : ProductView(
        Id, SellerId, Category, Name, Description, UnitPrice, Currency, Status, Available, Version, CreatedAt)
{
    internal static SuggestedProduct Of(ProductView p, SuggestionReason reason) => new(
        p.Id, p.SellerId, p.Category, p.Name, p.Description, p.UnitPrice, p.Currency, p.Status, p.Available, p.Version,
        p.CreatedAt, reason);
}

/// <summary>
/// Collects candidates, the best first, each once. What is not on sale or out of stock is left out at the end, by the
/// products as they are now.
/// </summary>
internal sealed class Candidates(IEnumerable<Guid> excluded)
{
    /// <summary>Read from each source at most.</summary>
    public const int MaxFromSource = 200;

    private readonly HashSet<Guid> _seen = [.. excluded];
    private readonly List<(Guid ProductId, SuggestionReason Reason)> _found = [];

    public void Add(IEnumerable<Guid> products, SuggestionReason reason)
    {
        foreach (var product in products.Where(_seen.Add)) _found.Add((product, reason));
    }

    public async Task<IReadOnlyList<SuggestedProduct>> AvailableAsync(CatalogDb db, int limit, CancellationToken ct)
    {
        var products = await OnSale.ReadAsync(db, [.. _found.Select(f => f.ProductId)], ct);
        return
        [
            .. (from found in _found
                let product = products.GetValueOrDefault(found.ProductId)
                where product is { Available: > 0 }
                select SuggestedProduct.Of(product, found.Reason)).Take(limit),
        ];
    }
}
