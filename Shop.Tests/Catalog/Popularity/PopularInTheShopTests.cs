using System.Net;
using System.Text.Json;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using Shop.Tests.Stock;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Catalog.Popularity;

/// <summary>From a purchase over HTTP through events, workers and Redis to the lists, and back by a refund.</summary>
[Collection(ShopAppCollection.Name)]
public sealed class PopularInTheShopTests(ShopApp shop)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task What_is_bought_becomes_popular_related_and_recommended_and_a_refund_takes_it_back()
    {
        var seller = await shop.SellerAsync();
        var (tent, lamp) = (await seller.NewProductAsync(units: 50), await seller.NewProductAsync(units: 50));
        var (buyer, other) = (await shop.NewBuyerAsync(), await shop.NewBuyerAsync());

        var together = await BuyAsync(buyer, (tent, 3), (lamp, 2));
        await BuyAsync(other, (tent, 1));

        await PopularBecomesAsync(tent, quantity: 4);
        await PopularBecomesAsync(lamp, quantity: 2);
        await BecomesAsync(shop.Catalog, $"/products/{tent}/related", items => Has(items, lamp, "BOUGHT_TOGETHER"));
        await BecomesAsync(
            other.Catalog, "/products/recommended", items => Has(items, lamp, "BOUGHT_TOGETHER") && !Has(items, tent));

        var cancelled = await buyer.Ordering.PostAsync($"/orders/{together}/cancel", new { reason = "too heavy" });
        Assert.True(
            cancelled.Status is HttpStatusCode.OK or HttpStatusCode.Accepted, $"{cancelled.Status} {cancelled.Body}");

        await PopularBecomesAsync(tent, quantity: 1);
        await BecomesAsync(
            shop.Catalog, "/products/popular?category=tests&limit=100", items => !Has(items, lamp));
        await BecomesAsync(
            shop.Catalog, $"/products/{tent}/related", items => !Has(items, lamp, "BOUGHT_TOGETHER"));
        var admin = await shop.SampleUserAsync("admin@shop.example");
        var rebuilt = await admin.Workers.PostAsync("/ops/popularity/rebuild", new { });
        Assert.Equal(HttpStatusCode.OK, rebuilt.Status);
        Assert.Equal((0, 0, 0), (rebuilt.Number("orders"), rebuilt.Number("days"), rebuilt.Number("pairs")));
        var refused = await buyer.Workers.PostAsync("/ops/popularity/rebuild", new { });
        Assert.Equal(HttpStatusCode.Forbidden, refused.Status);
    }

    private static async Task<Guid> BuyAsync(ShopUser buyer, params (Guid Product, long Quantity)[] lines)
    {
        var order = await buyer.Ordering.PostAsync("/orders", Shelves.OrderOf("tok_ok", lines), NewKey());
        Assert.Equal(HttpStatusCode.Created, order.Status);
        return order.Id;
    }

    private Task PopularBecomesAsync(Guid product, long quantity) => BecomesAsync(
        shop.Catalog, "/products/popular?window=day&category=tests&limit=100",
        items => items.Any(item => item.GetProperty("id").GetGuid() == product
            && item.GetProperty("quantity").GetInt64() == quantity
            && item.GetProperty("amount").GetInt64() == quantity * item.GetProperty("unitPrice").GetInt64()));

    private static Task BecomesAsync(HttpClient client, string path, Func<JsonElement[], bool> condition) =>
        Eventually.GetAsync(
            () => client.AskAsync(path),
            page => page.Status == HttpStatusCode.OK
                && condition([.. page.Body.GetProperty("items").EnumerateArray()]),
            Patience, path);

    private static bool Has(JsonElement[] items, Guid product, string? reason = null) =>
        items.Any(item => item.GetProperty("id").GetGuid() == product
            && (reason is null || item.GetProperty("reason").GetString() == reason));
}
