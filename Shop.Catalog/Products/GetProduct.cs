using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Problems;

namespace Shop.Catalog.Products;

internal static class GetProduct
{
    public static async Task<Results<Ok<ProductView>, ProblemHttpResult>> Handle(
        Guid id, ClaimsPrincipal user, HttpResponse response, CatalogDb db, CancellationToken ct)
    {
        var product = await db.Products.Where(p => p.Id == id).Select(ProductView.FromProduct).SingleOrDefaultAsync(ct);
        if (product is null || !IsVisible(product, user)) return Problems.NotFound();

        response.Headers.ETag = product.ETag;
        return TypedResults.Ok(product);
    }

    private static bool IsVisible(ProductView product, ClaimsPrincipal user) =>
        product.Status != ProductStatus.Draft || user.IsAdmin() || user.SellerId() == product.SellerId;
}
