using Shop.Catalog.Products;
using Shop.Catalog.Stock;
using Shop.ServiceDefaults.Authentication;

namespace Shop.Catalog;

internal static class CatalogEndpoints
{
    public static void MapCatalog(this IEndpointRouteBuilder routes)
    {
        var products = routes.MapGroup("/products").WithTags("Products");
        products.MapGet("/", ListProducts.Handle).AllowAnonymous().WithName("ListProducts").ProducesProblem(400);
        products.MapGet("/{id:guid}", GetProduct.Handle).AllowAnonymous().WithName("GetProduct").ProducesProblem(404);

        var offer = routes.MapGroup("/products").WithTags("Products").RequireAuthorization(Policies.SellerOrAdmin);
        offer.MapPost("/", CreateProduct.Handle).WithName("CreateProduct").ProducesProblem(400);
        offer.MapPatch("/{id:guid}", ChangeProduct.Handle).WithName("ChangeProduct")
            .ProducesProblem(400).ProducesProblem(404).ProducesProblem(409).ProducesProblem(412).ProducesProblem(428);
        offer.MapPost("/{id:guid}/stock", ReceiveStock.Handle).WithName("ReceiveStock")
            .ProducesProblem(400).ProducesProblem(404);

        var stocks = routes.MapGroup("/internal/stocks").WithTags("Internal")
            .RequireAuthorization(Policies.CatalogInternal);
        stocks.MapPost("/reserve", ReserveStock.Handle).WithName("ReserveStock").ProducesProblem(400);
        stocks.MapPost("/reserve-many", ReserveStock.HandleMany).WithName("ReserveManyStocks").ProducesProblem(400);
        stocks.MapPost("/release", ReleaseStock.Handle).WithName("ReleaseStock").ProducesProblem(400);
        stocks.MapPost("/commit", CommitStock.Handle).WithName("CommitStock").ProducesProblem(400);
    }
}
