using Microsoft.AspNetCore.Mvc;
using Shop.Catalog.Popularity;
using Shop.Catalog.Products;
using Shop.Catalog.Recommendations;
using Shop.Catalog.Stock;
using Shop.ServiceDefaults.Authentication;

namespace Shop.Catalog;

internal static class CatalogEndpoints
{
    public static void MapCatalog(this IEndpointRouteBuilder routes)
    {
        var products = routes.MapGroup("/products").WithTags("Products");
        products.MapGet("/", ListProducts.Handle).AllowAnonymous().WithName("ListProducts");
        products.MapGet("/popular", ListPopular.Handle).AllowAnonymous().WithName("ListPopularProducts");
        products.MapGet("/recommended", ListRecommended.Handle)
            .RequireAuthorization(Policies.SignedIn).WithName("ListRecommendedProducts");
        products.MapGet("/{id:guid}/related", ListRelated.Handle).AllowAnonymous().WithName("ListRelatedProducts");
        products.MapGet("/{id:guid}", GetProduct.Handle).AllowAnonymous().WithName("GetProduct");

        var offer = routes.MapGroup("/products").WithTags("Products").RequireAuthorization(Policies.SellerOrAdmin);
        offer.MapPost("/", CreateProduct.Handle).WithName("CreateProduct");
        offer.MapPatch("/{id:guid}", ChangeProduct.Handle).WithName("ChangeProduct");
        offer.MapPost("/{id:guid}/stock", ReceiveStock.Handle).WithName("ReceiveStock");

        var stocks = routes.MapGroup("/internal/stocks").WithTags("Internal")
            .RequireAuthorization(Policies.CatalogInternal);
        stocks.MapPost("/reserve", ReserveStock.Handle).WithName("ReserveStock");
        stocks.MapPost("/reserve-many", ReserveStock.HandleMany).WithName("ReserveManyStocks")
            .WithMetadata(new RequestSizeLimitAttribute(ReserveStock.MaxManyBytes));
        stocks.MapPost("/release", ReleaseStock.Handle).WithName("ReleaseStock");
        stocks.MapPost("/commit", CommitStock.Handle).WithName("CommitStock");
    }
}
