using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Catalog.Products;

/// <summary>A new product with no stock. A seller's own; an admin names the seller.</summary>
internal static class CreateProduct
{
    private const string Sql = """
        with seller as (
            insert into sellers (id) values (@SellerId) on conflict do nothing)
        insert into products
               (id, seller_id, category, name, description, unit_price, currency, status, created_at)
        values (@Id, @SellerId, @Category, @Name, @Description, @UnitPrice, @Currency, @Status, @CreatedAt)
        """;

    private const string StockSql = "insert into stock (product_id) values (@Id)";

    public sealed record Request(
        string? Name, string? Description, string? Category, long? UnitPrice, string? Currency, ProductStatus? Status,
        Guid? SellerId);

    public static async Task<Results<Created<ProductView>, ProblemHttpResult>> Handle(
        Request request, ClaimsPrincipal user, HttpResponse response, Database<CatalogDb> db, ProductCache cache,
        CancellationToken ct)
    {
        var seller = user.IsAdmin() ? request.SellerId ?? user.SellerId() : user.SellerId();
        var errors = Check(request, user, seller);
        if (errors.Any) return errors.ToProblem();

        var product = await db.TransactAsync(
            async tx =>
            {
                var created = new ProductView(
                    Guid.CreateVersion7(tx.Now), seller!.Value, request.Category!.Trim(), request.Name!.Trim(),
                    request.Description?.Trim() ?? "", request.UnitPrice!.Value, Product.Won,
                    request.Status ?? ProductStatus.Draft, 0, 1, tx.Now);
                await tx.ExecuteAsync(Sql, new
                {
                    created.Id,
                    created.SellerId,
                    created.Category,
                    created.Name,
                    created.Description,
                    created.UnitPrice,
                    created.Currency,
                    Status = created.Status.ToText(),
                    created.CreatedAt,
                });
                await tx.ExecuteAsync(StockSql, new { created.Id });
                await tx.AuditAdminAsync(user, "create product", $"product {created.Id}");
                tx.Publish(new ProductCreated(created.Id, created.SellerId, created.CreatedAt), created.Version);
                return created;
            },
            ct);

        // Dying here: the event does it.
        await cache.BeginGenerationAsync();
        response.Headers.ETag = product.ETag;
        return TypedResults.Created($"/products/{product.Id}", product);
    }

    private static FieldErrors Check(Request request, ClaimsPrincipal user, Guid? seller)
    {
        var errors = new FieldErrors();
        errors.Require(seller is not null && seller != Guid.Empty, "sellerId", "name the seller");
        errors.Require(
            user.IsAdmin() || request.SellerId is null || request.SellerId == seller, "sellerId", "not your own");
        errors.Require(request.Name is not null, "name", "required");
        errors.Require(request.Category is not null, "category", "required");
        errors.Require(request.UnitPrice is not null, "unitPrice", "required");
        errors.Require(request.Currency is null or Product.Won, "currency", Product.Won);
        errors.Require(
            request.Status is null or ProductStatus.Draft or ProductStatus.OnSale, "status", "DRAFT or ON_SALE");
        ProductFields.Check(errors, request.Name, request.Description, request.Category, request.UnitPrice);
        return errors;
    }
}

internal static class ProductFields
{
    /// <summary>The rules of a product's own fields, of those that are given.</summary>
    public static void Check(FieldErrors errors, string? name, string? description, string? category, long? unitPrice)
    {
        Text(errors, "name", name, 1, Product.MaxNameLength);
        Text(errors, "description", description, 0, Product.MaxDescriptionLength);
        Text(errors, "category", category, 1, Product.MaxCategoryLength);
        errors.Require(
            unitPrice is null or (>= 1 and <= Product.MaxPrice), "unitPrice", $"from 1 to {Product.MaxPrice}");
    }

    // PostgreSQL's text holds every character but NUL.
    private static void Text(FieldErrors errors, string field, string? value, int min, int max)
    {
        if (value is null) return;
        errors.Require(value.Trim().Length >= min && value.Length <= max, field, $"{min} to {max} characters");
        errors.Require(!value.Contains('\0', StringComparison.Ordinal), field, "has a NUL character");
    }
}
