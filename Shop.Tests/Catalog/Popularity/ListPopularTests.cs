using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Shop.Catalog.Popularity;
using Shop.Catalog.Products;
using Shop.ServiceDefaults.Http;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Catalog.Popularity;

/// <summary>The list of popular products over HTTP. Each test has a category of its own.</summary>
public sealed class ListPopularTests(CatalogFixture shop) : IClassFixture<CatalogFixture>
{
    private readonly string _category = $"c{Guid.CreateVersion7():n}";

    [Theory]
    [InlineData("window=x", "window", "day, week or month")]
    [InlineData("window=", "window", "day, week or month")]
    [InlineData("weekday=9", "weekday", "1 to 7 (Monday to Sunday), or a name: monday ... sunday")]
    [InlineData("weekday=-1", "weekday", "1 to 7 (Monday to Sunday), or a name: monday ... sunday")]
    [InlineData("weekday=moonday", "weekday", "1 to 7 (Monday to Sunday), or a name: monday ... sunday")]
    [InlineData("limit=0", "limit", "a number from 1 to 100")]
    [InlineData("limit=101", "limit", "a number from 1 to 100")]
    [InlineData("cursor=zzz", "cursor", "not a cursor of this list")]
    [InlineData("category=%00", "category", "at most 60 characters")]
    public async Task A_bad_question_is_a_problem_that_names_the_field_and_what_it_may_be(
        string query, string field, string message)
    {
        using var client = shop.Anonymous();
        using var response = await client.GetAsync($"/products/popular?{query}");

        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("urn:shop:invalid-request", problem.GetProperty("type").GetString());
        var error = Assert.Single(problem.GetProperty("errors").EnumerateObject());
        Assert.Equal((field, message), (error.Name, error.Value[0].GetString()));
    }

    [Fact]
    public async Task An_unknown_category_is_just_empty_and_says_so_with_a_null_cursor()
    {
        using var client = shop.Anonymous();

        var page = await client.GetFromJsonAsync<JsonElement>("/products/popular?category=nothing-here");

        Assert.Empty(page.GetProperty("items").EnumerateArray());
        Assert.Equal(JsonValueKind.Null, page.GetProperty("nextCursor").ValueKind);
    }

    [Fact]
    public async Task Units_and_money_both_weigh_and_refunds_are_taken_off()
    {
        var market = new Market(shop);
        var (many, dear, back) = (await ProductAsync(), await ProductAsync(), await ProductAsync());
        var user = Guid.CreateVersion7();
        await market.BuyAsync(user, (many, 7, 7_000), (dear, 1, 90_000));
        await market.RefundAsync(await market.BuyAsync(user, (back, 9, 500_000)), (back, 9, 500_000));

        var page = await ListAsync("window=day");

        Assert.Null(page.NextCursor);
        Assert.Equal(
            [(dear, 1, 90_000, 10m), (many, 7, 7_000, 7.7m)],
            page.Items.Select(p => (p.Id, p.Quantity, p.Amount, p.Score)));
        var product = page.Items[0];
        Assert.Equal(
            (CatalogFixture.Seller1, _category, "A thing", 1_000, "KRW", ProductStatus.OnSale, 10, 1),
            (product.SellerId, product.Category, product.Name, product.UnitPrice, product.Currency, product.Status,
                product.Available, product.Version));
        var unitsOnly = await shop.AddReplicaAsync(new Dictionary<string, string?>
        {
            ["Popularity:AmountWeight"] = "0", ["Cache:Prefix"] = InfrastructureFixture.NewPrefix(),
        });
        Assert.Equal(
            [(many, 7m), (dear, 1m)],
            (await ListAsync("window=day", unitsOnly)).Items.Select(p => (p.Id, p.Score)));
    }

    [Fact]
    public async Task A_window_ends_today_and_a_weekday_is_picked_out_of_it()
    {
        var market = new Market(shop);
        var today = TimeProvider.System.GetUtcNow();
        var ages = new[] { 0, 6, 7, 29, 30 };
        var products = new Dictionary<int, Guid>();
        foreach (var age in ages)
        {
            products[age] = await ProductAsync();
            await market.PaidAsync(market.Order(
                Guid.CreateVersion7(), today.AddDays(-age), (products[age], 100 - age, 0)));
        }

        await market.CountAsync();
        var weekday = (int)today.ToOffset(TimeSpan.FromHours(9)).DayOfWeek;
        var name = today.ToOffset(TimeSpan.FromHours(9)).DayOfWeek.ToString();

        Assert.Equal([products[0]], await IdsAsync("window=day"));
        Assert.Equal([products[0], products[6]], await IdsAsync("window=week"));
        Assert.Equal([products[0], products[6]], await IdsAsync(""));
        Assert.Equal([products[0], products[6], products[7], products[29]], await IdsAsync("window=month"));
        Assert.Equal([products[0], products[7]], await IdsAsync($"window=month&weekday={weekday}"));
        Assert.Equal([products[0], products[7]], await IdsAsync($"weekday={name}"));
        Assert.Equal([products[0]], await IdsAsync($"window=DAY&weekday={weekday}"));
    }

    [Fact]
    public async Task Pages_show_each_place_once_and_a_product_that_is_not_on_sale_has_none()
    {
        var market = new Market(shop);
        var products = new List<Guid>();
        for (var i = 0; i < 5; i++)
        {
            products.Add(await ProductAsync());
            // Two of the same score: their ids decide.
            await market.BuyAsync(Guid.CreateVersion7(), (products[i], 1 + (i / 2), 0));
        }

        var gone = await shop.ProductAsync(units: 1, status: "SUSPENDED", category: _category);
        await market.BuyAsync(Guid.CreateVersion7(), (gone, 99, 0));

        var seen = new List<Guid>();
        string? cursor = null;
        do
        {
            var page = await ListAsync("limit=2" + (cursor is null ? "" : $"&cursor={cursor}"));
            Assert.InRange(page.Items.Count, 1, 2);
            seen.AddRange(page.Items.Select(p => p.Id));
            cursor = page.NextCursor;
        }
        while (cursor is not null);

        Assert.Equal([products[4], products[2], products[3], products[0], products[1]], seen);
    }

    [Fact]
    public async Task Without_redis_the_answer_is_the_same()
    {
        var market = new Market(shop);
        var user = Guid.CreateVersion7();
        var (a, b) = (await ProductAsync(), await ProductAsync());
        await market.BuyAsync(user, (a, 2, 1_234), (b, 1, 99_999));
        var alone = await shop.AddReplicaAsync(new Dictionary<string, string?>
        {
            ["ConnectionStrings:cache"] = "127.0.0.1:1,connectTimeout=200,abortConnect=false",
        });

        var cached = await ListAsync("window=week");
        // Twice: the second may come from Redis.
        Assert.Equal(cached.Items, (await ListAsync("window=week")).Items);
        Assert.Equal(cached.Items, (await ListAsync("window=week", alone)).Items);
        Assert.Equal(2, cached.Items.Count);
    }

    [Fact]
    public async Task A_ranking_is_served_from_redis_while_it_is_there()
    {
        var market = new Market(shop);
        var product = await ProductAsync();
        await market.BuyAsync(Guid.CreateVersion7(), (product, 1, 0));
        // A replica that keeps rankings for long, so that the test can change what is behind them.
        var patient = await shop.AddReplicaAsync(new Dictionary<string, string?>
        {
            ["Popularity:CacheSeconds"] = "600", ["Cache:TimeoutMilliseconds"] = "5000",
        });
        var ranking = shop.ServicesOf(patient).GetRequiredService<Ranking>();
        var question = new RankingQuestion(PopularityWindow.Month, null, _category);
        var link = shop.ServicesOf(patient).GetRequiredService<Shop.Catalog.Caching.RedisLinkService>();
        await Eventually.HoldsAsync(() => Task.FromResult(link.Database is not null));

        var first = await ranking.GetAsync(question, CancellationToken.None);
        await market.BuyAsync(Guid.CreateVersion7(), (product, 5, 0));

        Assert.Equal([1], first.Select(place => place.Quantity));
        Assert.Equal(first, await ranking.GetAsync(question, CancellationToken.None));
    }

    private Task<Guid> ProductAsync() => shop.ProductAsync(units: 10, category: _category);

    private async Task<IEnumerable<Guid>> IdsAsync(string query) => (await ListAsync(query)).Items.Select(p => p.Id);

    private async Task<ListPopular.Response> ListAsync(string query, int replica = 0)
    {
        using var client = shop.Client(replica, token: null);
        return (await client.GetFromJsonAsync<ListPopular.Response>(
            $"/products/popular?category={_category}&{query}", ShopJson.Options))!;
    }
}
