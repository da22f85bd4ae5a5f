using System.Net;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;
using static Shop.Tests.Stock.Shelves;

namespace Shop.Tests.Stock;

/// <summary>More buyers than units: each unit goes to one of them, and all others hear that there is none.</summary>
[Collection(StockShopCollection.Name)]
public sealed class OversellTests(StockShop shop)
{
    [Fact]
    public async Task One_unit_and_200_buyers_at_once_is_one_order_and_199_refusals()
    {
        const int crowd = 200;
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 1);
        var buyers = await shop.NewBuyersAsync(crowd);
        var clients = Array.ConvertAll(buyers, buyer => buyer.Ordering);
        // Connections first: the orders are to meet, not the handshakes.
        await Task.WhenAll(clients.Select(client => client.AskAsync("/orders/me")));

        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var racing = clients.Select(async client =>
        {
            await start.Task;
            return await client.PostAsync("/orders", OrderOf(card: null, (product, 1)), NewKey());
        }).ToArray();
        start.SetResult();
        var answers = await Task.WhenAll(racing);

        var winner = Assert.Single(answers, answer => answer.Status == HttpStatusCode.Created);
        var refused = answers.Where(answer => answer != winner).ToArray();
        Assert.Equal(crowd - 1, refused.Length);
        Assert.All(refused, answer => AssertSoldOut(answer, product));
        Assert.Equal(1, await OrdersWithAsync(product));
        Assert.Equal(new Shelf(1, 1, 1, 0, 0, 1), await shop.ShelfAsync(product));

        var buyer = buyers[Array.IndexOf(answers, winner)];
        Assert.Equal(HttpStatusCode.Accepted, (await buyer.PayAsync(winner.Id, "tok_ok")).Status);
        await buyer.OrderBecomesAsync(winner.Id, "PAID");
        await shop.ShelfBecomesAsync(product, new Shelf(0, 0, 1, 1, 0, 0));
        AssertSoldOut(await buyers[0].PlaceAsync(product), product);
    }

    [Fact]
    public async Task Of_500_units_64_buyers_get_exactly_500_in_1500_tries()
    {
        const int units = 500;
        const int tries = 1_500;
        const int payingEvery = 5;
        var product = await (await shop.SellerAsync()).NewProductAsync(units);
        var buyers = await shop.NewBuyersAsync(64);

        var next = 0;
        var answers = new Answer[tries];
        await Task.WhenAll(buyers.Select(async buyer =>
        {
            var client = buyer.Ordering;
            for (var i = Interlocked.Increment(ref next) - 1; i < tries; i = Interlocked.Increment(ref next) - 1)
            {
                var card = i % payingEvery == 0 ? "tok_ok" : null;
                answers[i] = await client.PostAsync("/orders", OrderOf(card, (product, 1)), NewKey());
            }
        }));

        var got = answers.Where(answer => answer.Status == HttpStatusCode.Created).ToArray();
        Assert.All(answers.Except(got), answer => AssertSoldOut(answer, product));
        Assert.Equal(units, got.Length);
        Assert.Equal(units, got.Select(answer => answer.Id).Distinct().Count());
        Assert.Equal(units, await OrdersWithAsync(product));

        var paid = got.Count(answer => answer.Text("status") == "PAID");
        Assert.Equal(got.Length, paid + got.Count(answer => answer.Text("status") == "CREATED"));
        Assert.InRange(paid, 1, units - 1);
        await shop.ShelfBecomesAsync(product, new Shelf(units - paid, units - paid, units, paid, 0, units - paid));
    }

    private Task<long> OrdersWithAsync(Guid product) =>
        shop.ScalarAsync<long>("orderingdb", "select count(*) from order_lines where product_id = $1", product);

    private static void AssertSoldOut(Answer answer, Guid product)
    {
        Assert.True(answer.Status == HttpStatusCode.Conflict, answer.ToString());
        Assert.Equal("application/problem+json", answer.Response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("out-of-stock", answer.Problem);
        Assert.Equal(product, answer.Body.GetProperty("productId").GetGuid());
        Assert.Equal(0, answer.Number("remainingStock"));
    }
}
