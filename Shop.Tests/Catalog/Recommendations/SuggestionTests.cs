using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Catalog.Recommendations;
using Shop.ServiceDefaults.Http;
using Shop.Tests.Catalog.Popularity;
using static Shop.Catalog.Recommendations.SuggestionReason;

namespace Shop.Tests.Catalog.Recommendations;

/// <summary>What is related to a product, and what is recommended to a user.</summary>
public sealed class SuggestionTests(CatalogFixture shop) : IClassFixture<CatalogFixture>
{
    private readonly string _category = $"c{Guid.CreateVersion7():n}";
    private readonly Market _market = new(shop);

    [Fact]
    public async Task Related_is_bought_together_most_often_first_then_popular_of_the_category()
    {
        var (product, often, once, popular) = (
            await ProductAsync(), await ProductAsync(), await ProductAsync(), await ProductAsync());
        await _market.BuyAsync(NewUser(), Line(product), Line(often), Line(once));
        await _market.BuyAsync(NewUser(), Line(product), Line(often));
        await _market.BuyAsync(NewUser(), Line(popular));

        Assert.Equal(
            [(often, BoughtTogether), (once, BoughtTogether), (popular, Popular)], await RelatedAsync(product));
        Assert.Equal([(often, BoughtTogether)], await RelatedAsync(product, "?limit=1"));
    }

    [Fact]
    public async Task What_cannot_be_bought_now_is_neither_related_nor_recommended()
    {
        var product = await ProductAsync();
        var sold = await shop.ProductAsync(units: 0, category: _category);
        var suspended = await shop.ProductAsync(units: 5, status: "SUSPENDED", category: _category);
        var held = await ProductAsync();
        await shop.ExecuteAsync("update stock set reserved = on_hand where product_id = @held", new { held });
        var user = NewUser();
        await _market.BuyAsync(NewUser(), Line(product), Line(sold), Line(suspended), Line(held));
        await _market.BuyAsync(user, Line(product));

        Assert.Empty(await RelatedAsync(product));
        Assert.DoesNotContain(
            (await RecommendedAsync(user)).Select(s => s.Id), id => id == sold || id == suspended || id == held);
    }

    [Fact]
    public async Task A_refund_of_the_whole_line_ends_the_relation()
    {
        var (product, other) = (await ProductAsync(), await shop.ProductAsync(units: 5, category: _category + "x"));
        var order = await _market.BuyAsync(NewUser(), Line(product), Line(other));
        Assert.Equal([(other, BoughtTogether)], await RelatedAsync(product));

        await _market.RefundAsync(order, Line(other));

        Assert.Empty(await RelatedAsync(product, "?limit=11"));
    }

    [Fact]
    public async Task Recommended_is_together_then_similar_buyers_then_popular_and_nothing_of_his_own()
    {
        var (mine, together, similar, popular) = (
            await ProductAsync(), await ProductAsync(), await ProductAsync(), await ProductAsync());
        var (me, peer) = (NewUser(), NewUser());
        await _market.BuyAsync(me, Line(mine));
        await _market.BuyAsync(NewUser(), Line(mine), Line(together));
        await _market.BuyAsync(peer, Line(mine));
        await _market.BuyAsync(peer, Line(similar));
        await _market.BuyAsync(NewUser(), (popular, 50, 50_000));

        var suggested = (await RecommendedAsync(me)).Select(s => (s.Id, s.Reason)).ToArray();

        Assert.Equal([(together, BoughtTogether), (similar, SimilarBuyers)], suggested.Take(2));
        Assert.All(suggested.Skip(2), s => Assert.Equal(Popular, s.Reason));
        Assert.Contains((popular, Popular), suggested);
        Assert.DoesNotContain(mine, suggested.Select(s => s.Id));
        Assert.Equal(suggested.Length, suggested.DistinctBy(s => s.Id).Count());
    }

    [Fact]
    public async Task Who_is_unknown_is_shown_what_is_popular()
    {
        await _market.BuyAsync(NewUser(), (await ProductAsync(), 70, 70_000));

        var suggested = await RecommendedAsync(NewUser());

        Assert.NotEmpty(suggested);
        Assert.All(suggested, s => Assert.Equal(Popular, s.Reason));
    }

    [Fact]
    public async Task What_he_gave_back_is_not_his_any_more()
    {
        var (mine, together) = (await ProductAsync(), await ProductAsync());
        var me = NewUser();
        await _market.BuyAsync(NewUser(), Line(mine), Line(together));
        var order = await _market.BuyAsync(me, Line(mine));
        Assert.Contains((together, BoughtTogether), (await RecommendedAsync(me)).Select(s => (s.Id, s.Reason)));

        await _market.RefundAsync(order, Line(mine));

        Assert.All(await RecommendedAsync(me), s => Assert.Equal(Popular, s.Reason));
    }

    [Fact]
    public async Task Recommendations_need_a_user_and_related_a_product_that_may_be_seen()
    {
        using var anonymous = shop.Anonymous();
        using var seller = shop.SellerClient(CatalogFixture.Seller1);
        var draft = await shop.ProductAsync(units: 1, status: "DRAFT", category: _category);

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(anonymous, "/products/recommended"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(seller, "/products/recommended"));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(anonymous, $"/products/{NewUser()}/related"));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(anonymous, $"/products/{draft}/related"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(seller, $"/products/{draft}/related"));
        Assert.Equal(HttpStatusCode.BadRequest, await StatusAsync(seller, "/products/recommended?limit=0"));
        Assert.Equal(HttpStatusCode.BadRequest, await StatusAsync(anonymous, $"/products/{draft}/related?limit=x"));
        var page = await seller.GetFromJsonAsync<JsonElement>("/products/recommended");
        Assert.Equal(JsonValueKind.Null, page.GetProperty("nextCursor").ValueKind);
    }

    private static Guid NewUser() => Guid.CreateVersion7();

    private static (Guid Product, int Quantity, long Amount) Line(Guid product) => (product, 1, 1_000);

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(path);
        return response.StatusCode;
    }

    private Task<Guid> ProductAsync() => shop.ProductAsync(units: 100, category: _category);

    private async Task<IEnumerable<(Guid, SuggestionReason)>> RelatedAsync(Guid product, string query = "")
    {
        using var client = shop.Anonymous();
        var page = await client.GetFromJsonAsync<Suggestions>($"/products/{product}/related{query}", ShopJson.Options);
        return page!.Items.Select(item => (item.Id, item.Reason));
    }

    private async Task<IReadOnlyList<SuggestedProduct>> RecommendedAsync(Guid user)
    {
        using var client = shop.Buyer(user);
        return (await client.GetFromJsonAsync<Suggestions>("/products/recommended?limit=100", ShopJson.Options))!.Items;
    }
}
