using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using Shop.Catalog.Caching;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;

namespace Shop.Catalog.Popularity;

/// <summary>How far back a ranking looks, today included.</summary>
public enum PopularityWindow
{
    Day,
    Week,
    Month,
}

/// <summary>What a ranking is asked for.</summary>
/// <param name="Weekday">ISO: 1 is Monday, 7 is Sunday. Null: all days.</param>
internal sealed record RankingQuestion(PopularityWindow Window, int? Weekday, string? Category)
{
    private const int WeekDays = 7;
    private const int MonthDays = 30;

    public int Days => (Window, Weekday) switch
    {
        // The latest such weekday, which is always one of the last seven days.
        (PopularityWindow.Day, not null) => WeekDays,
        (PopularityWindow.Day, null) => 1,
        (PopularityWindow.Week, _) => WeekDays,
        _ => MonthDays,
    };

    public string Key => string.Create(CultureInfo.InvariantCulture, $"popular:{Days}:{Weekday ?? 0}:{Category}");
}

/// <summary>A place in a ranking: units and minor units sold and not refunded, and the score of both.</summary>
internal sealed record Ranked(Guid ProductId, long Quantity, long Amount, decimal Score)
{
    public string ToCursor() => WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"{Score}|{ProductId}")));

    /// <summary>The place that a cursor names; null: it is none.</summary>
    public static Ranked? FromCursor(string cursor)
    {
        try
        {
            return Encoding.UTF8.GetString(WebEncoders.Base64UrlDecode(cursor)).Split('|') is [var score, var id]
                && decimal.TryParse(score, NumberStyles.Number, CultureInfo.InvariantCulture, out var points)
                && Guid.TryParse(id, out var product)
                    ? new Ranked(product, 0, 0, points)
                    : null;
        }
        catch (FormatException)
        {
            return null; // Not one of ours; answered with 400.
        }
    }

    public bool IsAfter(Ranked place) =>
        Score < place.Score || (Score == place.Score && ProductId.CompareTo(place.ProductId) > 0);
}

/// <summary>
/// The best sold products, from Redis for a few seconds, else from the sums in PostgreSQL, which at most one request of
/// a process reads for the same question at a time.
/// </summary>
internal sealed class Ranking(Database<CatalogDb> db, RedisCache cache, PopularityOptions options, TimeProvider clock)
{
    // Who cannot be ordered now has no place. Equal scores by id, so that a page starts where the last one ended.
    private const string Sql = """
        select s.product_id, s.quantity, s.amount,
               round(@QuantityWeight * s.quantity + @AmountWeight * s.amount / @AmountUnit, 4) as score
          from (select d.product_id, sum(d.quantity)::bigint as quantity, sum(d.amount)::bigint as amount
                  from popularity_days d
                 where d.day > (@Now at time zone @TimeZone)::date - @Days
                   and d.day <= (@Now at time zone @TimeZone)::date
                   and (@Weekday::int is null or extract(isodow from d.day) = @Weekday)
                 group by d.product_id) s
          join products p on p.id = s.product_id
         where s.quantity > 0 and p.status = 'ON_SALE' and (@Category::text is null or p.category = @Category)
         order by score desc, s.product_id
         limit @MaxRanked
        """;

    private readonly SingleFlight _flights = new();

    public async Task<IReadOnlyList<Ranked>> GetAsync(RankingQuestion question, CancellationToken ct)
    {
        if (await cache.GetAsync(question.Key) is [{ } text])
        {
            return JsonSerializer.Deserialize<Ranked[]>(text, ShopJson.Options) ?? [];
        }

        return await _flights.RunAsync(
            question.Key,
            async () =>
            {
                var ranked = await ReadAsync(question);
                await cache.SetAsync(
                    question.Key, JsonSerializer.Serialize(ranked, ShopJson.Options),
                    TimeSpan.FromSeconds(options.CacheSeconds));
                return ranked;
            },
            ct);
    }

    private async Task<Ranked[]> ReadAsync(RankingQuestion question)
    {
        // Of all who wait for it, whoever gives up must not take it from the others.
        var ranked = await db.QueryAsync<Ranked>(Sql, new
        {
            question.Days,
            question.Weekday,
            question.Category,
            options.QuantityWeight,
            options.AmountWeight,
            options.AmountUnit,
            options.MaxRanked,
            options.TimeZone,
            Now = clock.GetUtcNow(),
        }, CancellationToken.None);
        return [.. ranked];
    }
}
