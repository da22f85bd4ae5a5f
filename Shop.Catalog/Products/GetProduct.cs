using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Problems;

namespace Shop.Catalog.Products;

internal static class GetProduct
{
    public static async Task<Results<Ok<ProductView>, ProblemHttpResult>> Handle(
        Guid id, ClaimsPrincipal user, HttpResponse response, CatalogDb db, ProductCache cache, CancellationToken ct)
    {
        var product = user.IsBuyer()
            ? await cache.GetAsync($"one:{id}", (source, stop) => ReadAsync(source, id, stop), ct)
            : await ReadAsync(db, id, ct);
        if (product is null || !product.IsVisibleTo(user)) return Problems.NotFound();

        response.Headers.ETag = product.ETag;
        return TypedResults.Ok(product);
    }

    public static Task<ProductView?> ReadAsync(CatalogDb db, Guid id, CancellationToken ct) =>
        db.Products.Where(p => p.Id == id).Select(ProductView.FromProduct).SingleOrDefaultAsync(ct);
}

internal static class Viewers
{
    /// <summary>Sellers and admins change products and see drafts, so they are not answered from the cache.</summary>
    public static bool IsBuyer(this ClaimsPrincipal user) => !user.IsAdmin() && user.SellerId() is null;

    public static bool IsVisibleTo(this ProductView product, ClaimsPrincipal user) =>
        product.Status != ProductStatus.Draft || user.IsAdmin() || user.SellerId() == product.SellerId;
}
