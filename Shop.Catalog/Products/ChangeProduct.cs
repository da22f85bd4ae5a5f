using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Problems;

namespace Shop.Catalog.Products;

/// <summary>
/// Changes the fields that are given, if the product is still at the version that the caller saw (If-Match). Orders
/// keep the name and price they were placed with.
/// </summary>
internal static class ChangeProduct
{
    private const string LoadSql = """
        select p.id, p.seller_id, p.category, p.name, p.description, p.unit_price, p.currency, p.status, p.version,
               p.created_at, s.on_hand - s.reserved as available
          from products p join stock s on s.product_id = p.id
         where p.id = @Id and (@Admin or p.seller_id = @SellerId)
           for no key update of p
        """;

    private const string UpdateSql = """
        update products
           set category = @Category, name = @Name, description = @Description, unit_price = @UnitPrice,
               status = @Status, version = version + 1
         where id = @Id and version = @Version
        """;

    public sealed record Request(
        string? Name, string? Description, string? Category, long? UnitPrice, ProductStatus? Status);

    public static async Task<Results<Ok<ProductView>, ProblemHttpResult>> Handle(
        Guid id, Request request, ClaimsPrincipal user, HttpContext http, Database<CatalogDb> db, ProductCache cache,
        CancellationToken ct)
    {
        var errors = new FieldErrors();
        ProductFields.Check(errors, request.Name, request.Description, request.Category, request.UnitPrice);
        var wanted = WantedVersions(http.Request, errors);
        if (errors.Any) return errors.ToProblem();
        if (wanted is null)
        {
            return Problems.Of(
                StatusCodes.Status428PreconditionRequired, "if-match-required",
                "Send If-Match with the ETag of the product you saw.");
        }

        var (product, problem) = await db.TransactAsync(
            tx => ChangeAsync(tx, id, request, wanted, user), ct);
        if (problem is not null) return problem;

        // Dying here: the event of the change does it.
        await cache.BeginGenerationAsync();
        http.Response.Headers.ETag = product!.ETag;
        return TypedResults.Ok(product);
    }

    private static async Task<(ProductView? Product, ProblemHttpResult? Problem)> ChangeAsync(
        Transaction<CatalogDb> tx, Guid id, Request request, IReadOnlyList<string> wanted, ClaimsPrincipal user)
    {
        var parameters = new { Id = id, Admin = user.IsAdmin(), SellerId = user.SellerId() };
        if (await tx.QuerySingleOrDefaultAsync<Row>(LoadSql, parameters) is not { } row)
        {
            return (null, Problems.NotFound());
        }

        var before = row.ToView();
        if (!wanted.Contains("*") && !wanted.Contains(before.ETag))
        {
            return (null, Problems.Of(
                StatusCodes.Status412PreconditionFailed, "product-changed", "The product was changed meanwhile.",
                new Dictionary<string, object?> { ["version"] = before.Version }));
        }

        var status = request.Status ?? before.Status;
        if (!before.Status.MayBecome(status))
        {
            return (null, Problems.Conflict(
                "product-status", $"{before.Status.ToText()} does not become {status.ToText()}."));
        }

        var after = before with
        {
            Name = request.Name?.Trim() ?? before.Name,
            Description = request.Description?.Trim() ?? before.Description,
            Category = request.Category?.Trim() ?? before.Category,
            UnitPrice = request.UnitPrice ?? before.UnitPrice,
            Status = status,
        };
        if (after == before) return (before, null);

        var changed = await tx.ExecuteAsync(UpdateSql, new
        {
            after.Id,
            after.Version,
            after.Category,
            after.Name,
            after.Description,
            after.UnitPrice,
            Status = status.ToText(),
        });
        if (changed != 1) throw new InvalidOperationException($"Product {id} changed under its lock.");
        after = after with { Version = before.Version + 1 };
        await tx.AuditAdminAsync(user, $"change product to version {after.Version}", $"product {id}");
        tx.Publish(new ProductUpdated(id, tx.Now), after.Version);
        return (after, null);
    }

    /// <summary>The tags of If-Match; null: no such header. A weak tag matches nothing (RFC 9110, 13.1.1).</summary>
    private static List<string>? WantedVersions(HttpRequest request, FieldErrors errors)
    {
        var header = request.Headers.IfMatch;
        if (header.Count == 0) return null;
        var parsed = EntityTagHeaderValue.TryParseStrictList(header, out var tags);
        errors.Require(parsed, "If-Match", "a list of entity tags, such as \"3\"");
        return tags?.Where(tag => !tag.IsWeak).Select(tag => tag.Tag.ToString()).ToList() ?? [];
    }

    private sealed class Row
    {
        public Guid Id { get; init; }
        public Guid SellerId { get; init; }
        public string Category { get; init; } = "";
        public string Name { get; init; } = "";
        public string Description { get; init; } = "";
        public long UnitPrice { get; init; }
        public string Currency { get; init; } = "";
        public string Status { get; init; } = "";
        public long Available { get; init; }
        public long Version { get; init; }
        public DateTimeOffset CreatedAt { get; init; }

        public ProductView ToView() => new(
            Id, SellerId, Category, Name, Description, UnitPrice, Currency, ProductStatuses.Parse(Status), Available,
            Version, CreatedAt);
    }
}
