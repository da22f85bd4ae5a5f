using System.Linq.Expressions;
using System.Text.Json;
using NpgsqlTypes;

namespace Shop.Catalog.Products;

/// <summary>A product as it is read. Prices are minor units of <see cref="Currency"/>.</summary>
internal sealed class Product
{
    public const string Won = "KRW";
    public const long MaxPrice = 1_000_000_000_000;
    public const int MaxNameLength = 200;
    public const int MaxDescriptionLength = 4_000;
    public const int MaxCategoryLength = 60;

    public Guid Id { get; private set; }

    public Guid SellerId { get; private set; }

    public string Category { get; private set; } = "";

    public string Name { get; private set; } = "";

    public string Description { get; private set; } = "";

    public long UnitPrice { get; private set; }

    public string Currency { get; private set; } = "";

    public ProductStatus Status { get; private set; }

    public long Version { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    public NpgsqlTsVector Search { get; private set; } = null!;

    public ProductStock Stock { get; private set; } = null!;
}

/// <summary>Units of a product: on hand, and the part of them that is held for orders.</summary>
internal sealed class ProductStock
{
    public Guid ProductId { get; private set; }

    public long OnHand { get; private set; }

    public long Reserved { get; private set; }
}

/// <summary>The product of the HTTP contract.</summary>
public record ProductView(
    Guid Id, Guid SellerId, string Category, string Name, string Description, long UnitPrice, string Currency,
    ProductStatus Status, long Available, long Version, DateTimeOffset CreatedAt)
{
    internal static readonly Expression<Func<Product, ProductView>> FromProduct = p => new(
        p.Id, p.SellerId, p.Category, p.Name, p.Description, p.UnitPrice, p.Currency, p.Status,
        p.Stock.OnHand - p.Stock.Reserved, p.Version, p.CreatedAt);

    internal string ETag => $"\"{Version}\"";
}

/// <summary>Where a product stands. Only ON_SALE can be ordered; DISCONTINUED is final.</summary>
public enum ProductStatus
{
    /// <summary>Seen by its seller and admins alone; anonymous buyers get 404.</summary>
    Draft,
    OnSale,

    /// <summary>Seen, not sold, and may come back.</summary>
    Suspended,
    Discontinued,
}

internal static class ProductStatuses
{
    /// <summary>True if a product may be put from one status to the other; staying is no change.</summary>
    public static bool MayBecome(this ProductStatus from, ProductStatus to) => (from, to) switch
    {
        _ when from == to => true,
        (ProductStatus.Draft, ProductStatus.OnSale or ProductStatus.Discontinued) => true,
        (ProductStatus.OnSale, ProductStatus.Suspended or ProductStatus.Discontinued) => true,
        (ProductStatus.Suspended, ProductStatus.OnSale or ProductStatus.Discontinued) => true,
        _ => false,
    };

    public static string ToText(this ProductStatus status) =>
        JsonNamingPolicy.SnakeCaseUpper.ConvertName(status.ToString());

    public static ProductStatus Parse(string text) =>
        Enum.Parse<ProductStatus>(text.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
}
