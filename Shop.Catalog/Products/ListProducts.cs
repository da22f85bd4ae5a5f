using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;

namespace Shop.Catalog.Products;

/// <summary>
/// A page of products by text, category, seller and price. Pages are cut by the sort value and the id of the last
/// product (keyset), so a page costs the same however deep it lies and no product shows up twice.
/// </summary>
internal static class ListProducts
{
    private const int DefaultLimit = 20;
    private const int MaxLimit = 100;
    private const int MaxQueryLength = 200;
    private const int MaxWords = 10;
    private const string Newest = "newest", ByPrice = "price", ByPriceDown = "-price", ByName = "name";

    /// <summary>All are text, so that a malformed one is answered with a problem that names it.</summary>
    public sealed record Request(
        [FromQuery(Name = "query")] string? Query,
        [FromQuery(Name = "category")] string? Category,
        [FromQuery(Name = "seller")] string? Seller,
        [FromQuery(Name = "minPrice")] string? MinPrice,
        [FromQuery(Name = "maxPrice")] string? MaxPrice,
        [FromQuery(Name = "sort")] string? Sort,
        [FromQuery(Name = "limit")] string? Limit,
        [FromQuery(Name = "cursor")] string? Cursor);

    /// <param name="NextCursor">Where the next page starts; null, and written as such, on the last one.</param>
    public sealed record Response(
        IReadOnlyList<ProductView> Items,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

    /// <summary>Where the last page ended: its sort order, sort value and id.</summary>
    internal sealed record Position(string Sort, Guid Id, string Value)
    {
        public string Encode() => WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes($"{Sort}|{Id}|{Value}"));

        public static Position? Decode(string cursor)
        {
            try
            {
                var parts = Encoding.UTF8.GetString(WebEncoders.Base64UrlDecode(cursor)).Split('|', 3);
                if (parts.Length != 3 || !Guid.TryParse(parts[1], out var id) || parts[2].Contains('\0')) return null;
                var position = new Position(parts[0], id, parts[2]);
                return position.Sort switch
                {
                    Newest when position.Time is not null => position,
                    ByPrice or ByPriceDown when position.Price is not null => position,
                    ByName => position,
                    _ => null,
                };
            }
            catch (FormatException)
            {
                return null; // Not one of ours; answered with 400.
            }
        }

        public DateTimeOffset? Time => DateTimeOffset.TryParse(
            Value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            ? at.ToUniversalTime()
            : null;

        public long? Price => long.TryParse(Value, CultureInfo.InvariantCulture, out var price) ? price : null;

        public static Position After(string sort, ProductView last) => new(sort, last.Id, sort switch
        {
            Newest => last.CreatedAt.ToString("O", CultureInfo.InvariantCulture),
            ByName => last.Name,
            _ => last.UnitPrice.ToString(CultureInfo.InvariantCulture),
        });
    }

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        [AsParameters] Request request, ClaimsPrincipal user, CatalogDb db, ProductCache cache, CancellationToken ct)
    {
        var errors = new FieldErrors();
        Filter(db.Products, request, user, errors);
        var limit = (int)(Number(request.Limit, 1, MaxLimit, "limit", errors) ?? DefaultLimit);
        var sort = request.Sort ?? Newest;
        errors.Require(sort is Newest or ByPrice or ByPriceDown or ByName, "sort", "newest, price, -price or name");
        var after = request.Cursor is null ? null : Position.Decode(request.Cursor);
        errors.Require(
            request.Cursor is null || after?.Sort == sort, "cursor", "not a cursor of a list in this sort order");
        if (errors.Any) return errors.ToProblem();

        var page = user.IsBuyer()
            ? await cache.GetAsync(KeyOf(request), ReadAsync, ct)
            : await ReadAsync(db, ct);
        return TypedResults.Ok(page!);

        async Task<Response?> ReadAsync(CatalogDb source, CancellationToken stop)
        {
            var products = await Order(Filter(source.Products, request, user, new()), sort, after)
                .Select(ProductView.FromProduct)
                .Take(limit + 1)
                .ToListAsync(stop);
            if (products.Count <= limit) return new(products, null);

            products.RemoveAt(limit);
            return new(products, Position.After(sort, products[^1]).Encode());
        }
    }

    // A hash, so that a key is short whatever was asked for. All buyers see the same.
    private static string KeyOf(Request request) =>
        "list:" + Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(request)));

    private static IQueryable<Product> Filter(
        IQueryable<Product> products, Request request, ClaimsPrincipal user, FieldErrors errors)
    {
        if (!user.IsAdmin())
        {
            var own = user.SellerId();
            products = products.Where(p => p.Status != ProductStatus.Draft || p.SellerId == own);
        }

        if (request.Query is { } text && TextQuery(text, errors) is { } words)
        {
            products = products.Where(p => p.Search.Matches(EF.Functions.ToTsQuery("simple", words)));
        }

        if (request.Category is { } category)
        {
            errors.Require(!category.Contains('\0'), "category", "has a NUL character");
            products = products.Where(p => p.Category == category);
        }

        if (request.Seller is { } seller)
        {
            errors.Require(Guid.TryParse(seller, out var sellerId), "seller", "not an id");
            products = products.Where(p => p.SellerId == sellerId);
        }

        var min = Number(request.MinPrice, 0, Product.MaxPrice, "minPrice", errors);
        var max = Number(request.MaxPrice, 0, Product.MaxPrice, "maxPrice", errors);
        errors.Require(min is null || max is null || min <= max, "maxPrice", "below minPrice");
        if (min is not null) products = products.Where(p => p.UnitPrice >= min);
        if (max is not null) products = products.Where(p => p.UnitPrice <= max);
        return products;
    }

    /// <summary>
    /// Every word must occur, if only as a beginning. ASCII's punctuation parts words here as in the index; what is
    /// beyond ASCII is PostgreSQL's parser's on both sides.
    /// </summary>
    private static string? TextQuery(string text, FieldErrors errors)
    {
        var words = new string([.. text.Select(c => char.IsAsciiLetterOrDigit(c) || !char.IsAscii(c) ? c : ' ')])
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        errors.Require(text.Length <= MaxQueryLength, "query", $"at most {MaxQueryLength} characters");
        errors.Require(words.Length is > 0 and <= MaxWords, "query", $"1 to {MaxWords} words");
        return errors.Any ? null : string.Join(" & ", words.Select(word => $"'{word}':*"));
    }

    private static long? Number(string? text, long min, long max, string field, FieldErrors errors)
    {
        if (text is null) return null;
        var parsed = long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number);
        errors.Require(parsed && number >= min && number <= max, field, $"a number from {min} to {max}");
        return number;
    }

    private static IQueryable<Product> Order(IQueryable<Product> products, string sort, Position? after)
    {
        switch (sort)
        {
            case ByPrice:
                if (after is not null)
                {
                    products = products.Where(p => EF.Functions.GreaterThan(
                        ValueTuple.Create(p.UnitPrice, p.Id), ValueTuple.Create(after.Price!.Value, after.Id)));
                }

                return products.OrderBy(p => p.UnitPrice).ThenBy(p => p.Id);
            case ByPriceDown:
                if (after is not null)
                {
                    products = products.Where(p => EF.Functions.LessThan(
                        ValueTuple.Create(p.UnitPrice, p.Id), ValueTuple.Create(after.Price!.Value, after.Id)));
                }

                return products.OrderByDescending(p => p.UnitPrice).ThenByDescending(p => p.Id);
            case ByName:
                if (after is not null)
                {
                    products = products.Where(p => EF.Functions.GreaterThan(
                        ValueTuple.Create(p.Name, p.Id), ValueTuple.Create(after.Value, after.Id)));
                }

                return products.OrderBy(p => p.Name).ThenBy(p => p.Id);
            default:
                if (after is not null)
                {
                    products = products.Where(p => EF.Functions.LessThan(
                        ValueTuple.Create(p.CreatedAt, p.Id), ValueTuple.Create(after.Time!.Value, after.Id)));
                }

                return products.OrderByDescending(p => p.CreatedAt).ThenByDescending(p => p.Id);
        }
    }
}
