using Microsoft.EntityFrameworkCore;

namespace Shop.Catalog.Products;

/// <summary>Products that can be ordered, by their ids, as they are now.</summary>
internal static class OnSale
{
    public static async Task<Dictionary<Guid, ProductView>> ReadAsync(
        CatalogDb db, IReadOnlyCollection<Guid> ids, CancellationToken ct) =>
        ids.Count == 0
            ? []
            : await db.Products
                .Where(p => ids.Contains(p.Id) && p.Status == ProductStatus.OnSale)
                .Select(ProductView.FromProduct)
                .ToDictionaryAsync(p => p.Id, ct);
}
