using System.Net;
using Aspire.Hosting.ApplicationModel;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Purchase;

/// <summary>An application of its own: its Catalog is stopped, and its breakers are quick.</summary>
public sealed class BreakableShop() : ShopApp(new ShopAppOptions
{
    Settings = new Dictionary<string, string>
    {
        ["Http:RetryCount"] = "0",
        ["Http:BreakerFailures"] = "3",
        ["Http:BreakerSeconds"] = "10",
    },
});

public sealed class OutageTests(BreakableShop shop) : IClassFixture<BreakableShop>
{
    [Fact]
    public async Task Without_catalog_orders_are_refused_at_once_and_come_back_by_themselves()
    {
        var buyer = await shop.NewBuyerAsync();
        var product = await shop.PlentifulProductAsync();
        Assert.Equal(HttpStatusCode.Created, (await buyer.PlaceAsync(product)).Status);

        await shop.CommandAsync("catalog", KnownResourceCommands.StopCommand);
        for (var i = 0; i < 6; i++)
        {
            var refused = await buyer.PlaceAsync(product, card: "tok_ok");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.Status);
            Assert.Equal("service-unavailable", refused.Problem);
            Assert.NotNull(refused.Response.Headers.RetryAfter);
        }

        // Once the breaker is open no call is made, and the answer says when the next will be.
        await Eventually.GetAsync(
            () => buyer.PlaceAsync(product),
            answer => answer.Status == HttpStatusCode.ServiceUnavailable
                && answer.Response.Headers.RetryAfter?.Delta > TimeSpan.FromSeconds(1),
            TimeSpan.FromSeconds(60), "the breaker is open");

        await shop.CommandAsync("catalog", KnownResourceCommands.StartCommand);
        await shop.WaitUntilHealthyAsync("catalog");
        var recovered = await Eventually.GetAsync(
            () => buyer.PlaceAsync(product, card: "tok_ok"), answer => answer.Status == HttpStatusCode.Created,
            TimeSpan.FromSeconds(120), "orders are taken again");
        Assert.Equal("PAID", recovered.Text("status"));
    }
}
