using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Shop.Catalog.Products;

namespace Shop.Catalog.Popularity;

/// <summary>
/// The products that sold best today, this week (7 days) or this month (30 days), or on one weekday of it. Score: units
/// times a weight plus paid money times a weight (<see cref="PopularityOptions"/>), refunds taken off.
/// </summary>
internal static class ListPopular
{
    private const int DefaultLimit = 20;
    private const int MaxLimit = 100;
    private const int Sunday = 7;
    private const string Windows = "day, week or month";
    private const string Weekdays = "1 to 7 (Monday to Sunday), or a name: monday ... sunday";

    /// <summary>All are text, so that a malformed one is answered with a problem that names it.</summary>
    public sealed record Request(
        [FromQuery(Name = "window")] string? Window,
        [FromQuery(Name = "weekday")] string? Weekday,
        [FromQuery(Name = "category")] string? Category,
        [FromQuery(Name = "limit")] string? Limit,
        [FromQuery(Name = "cursor")] string? Cursor);

    /// <param name="NextCursor">Where the next page starts; null, and written as such, on the last one.</param>
    public sealed record Response(
        IReadOnlyList<PopularProduct> Items,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

    /// <summary>A product and what was sold of it: units, minor units of money, and the score of both.</summary>
    public sealed record PopularProduct(
        Guid Id, Guid SellerId, string Category, string Name, string Description, long UnitPrice, string Currency,
        ProductStatus Status, long Available, long Version, DateTimeOffset CreatedAt, long Quantity, long Amount,
        decimal Score)
        : ProductView(
            Id, SellerId, Category, Name, Description, UnitPrice, Currency, Status, Available, Version, CreatedAt)
    {
        internal static PopularProduct Of(ProductView p, Ranked place) => new(
            p.Id, p.SellerId, p.Category, p.Name, p.Description, p.UnitPrice, p.Currency, p.Status, p.Available,
            p.Version, p.CreatedAt, place.Quantity, place.Amount, place.Score);
    }

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        [AsParameters] Request request, Ranking ranking, ProductCache cache, CancellationToken ct)
    {
        var errors = new FieldErrors();
        var question = Question(request, errors);
        var limit = PageLimit.Parse(request.Limit, DefaultLimit, MaxLimit, errors);
        var after = request.Cursor is null ? null : Ranked.FromCursor(request.Cursor);
        errors.Require(request.Cursor is null || after is not null, "cursor", "not a cursor of this list");
        if (errors.Any) return errors.ToProblem();

        var page = await cache.GetAsync($"{question.Key}:{limit}:{request.Cursor}", ReadAsync, ct);
        return TypedResults.Ok(page!);

        async Task<Response?> ReadAsync(CatalogDb db, CancellationToken stop)
        {
            var places = await ranking.GetAsync(question, stop);
            Ranked[] wanted = [.. places.Where(p => after is null || p.IsAfter(after)).Take(limit + 1)];
            var page = wanted.Take(limit).ToArray();
            var products = await OnSale.ReadAsync(db, [.. page.Select(p => p.ProductId)], stop);
            return new(
                [
                    .. from place in page
                       where products.ContainsKey(place.ProductId)
                       select PopularProduct.Of(products[place.ProductId], place),
                ],
                wanted.Length > limit ? page[^1].ToCursor() : null);
        }
    }

    /// <summary>Without a window: the week, or the month where one weekday is asked for.</summary>
    private static RankingQuestion Question(Request request, FieldErrors errors)
    {
        var weekday = request.Weekday is null ? null : ParseWeekday(request.Weekday);
        errors.Require(request.Weekday is null || weekday is not null, "weekday", Weekdays);
        errors.Require(
            request.Category is null
                || (request.Category.Length <= Product.MaxCategoryLength && !request.Category.Contains('\0')),
            "category", $"at most {Product.MaxCategoryLength} characters");
        PopularityWindow? window = request.Window?.ToUpperInvariant() switch
        {
            "DAY" => PopularityWindow.Day,
            "WEEK" => PopularityWindow.Week,
            "MONTH" => PopularityWindow.Month,
            null => weekday is null ? PopularityWindow.Week : PopularityWindow.Month,
            _ => null,
        };
        errors.Require(window is not null, "window", Windows);
        return new(window ?? PopularityWindow.Week, weekday, request.Category);
    }

    /// <summary>The ISO number. 0 is Sunday as well: half of the world counts from there.</summary>
    private static int? ParseWeekday(string text)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return number is >= 0 and <= Sunday ? (number == 0 ? Sunday : number) : null;
        }

        return Enum.TryParse<DayOfWeek>(text, ignoreCase: true, out var day) && text.All(char.IsAsciiLetter)
            ? (day == DayOfWeek.Sunday ? Sunday : (int)day)
            : null;
    }
}
