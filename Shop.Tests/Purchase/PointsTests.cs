using System.Net;
using Shop.Tests.Fixtures;
using Shop.Tests.Stock;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Purchase;

/// <summary>Points through the whole application: two replicas of each API and two workers.</summary>
[Collection(StockShopCollection.Name)]
public sealed class PointsTests(StockShop shop)
{
    private const long Price = 1_000;

    [Fact]
    public async Task Charged_by_card_points_pay_an_order_in_one_call_and_part_of_another()
    {
        var product = await ProductAsync();
        var buyer = await BuyerWithAsync(1_400);

        var paid = await OrderAsync(buyer, product, new { method = "POINTS" });
        Assert.Equal(HttpStatusCode.Created, paid.Status);
        Assert.Equal("PAID", paid.Text("status"));
        Assert.Equal(0, await shop.CapturesAsync(PaymentOf(paid)));

        var split = await OrderAsync(buyer, product, new { method = "SPLIT", cardToken = "tok_ok", points = 400 });
        Assert.Equal(HttpStatusCode.Created, split.Status);
        Assert.Equal(600, await shop.CapturedAsync(PaymentOf(split)));
        var payment = (await buyer.Payments.AskAsync($"/payments/{PaymentOf(split)}")).Body;
        Assert.Equal(
            (600L, 400L), (payment.GetProperty("card").GetInt64(), payment.GetProperty("points").GetInt64()));

        Assert.Equal((0, 0), await PointsAsync(buyer));
        var statement = await buyer.Payments.AskAsync("/points/entries");
        Assert.Equal(
            ["USED -400", "USED -1000", "CHARGED 1400"],
            statement.Body.GetProperty("items").EnumerateArray()
                .Select(entry => $"{entry.GetProperty("kind").GetString()} {entry.GetProperty("amount").GetInt64()}"));
    }

    [Fact]
    public async Task In_the_short_form_points_pay_the_whole_amount()
    {
        var product = await ProductAsync();
        var buyer = await BuyerWithAsync(Price);

        var paid = await buyer.Ordering.PostAsync(
            "/orders", new { productId = product, quantity = 1, paymentMethod = "POINTS" }, NewKey());

        Assert.Equal(HttpStatusCode.Created, paid.Status);
        Assert.Equal((0, 0), await PointsAsync(buyer));
    }

    [Fact]
    public async Task With_too_few_points_one_call_is_402_and_everything_is_given_back()
    {
        var product = await ProductAsync();
        var buyer = await BuyerWithAsync(Price - 1);
        var key = NewKey();

        var refused = await OrderAsync(buyer, product, new { method = "POINTS" }, key);
        var replay = await OrderAsync(buyer, product, new { method = "POINTS" }, key);

        Assert.Equal((HttpStatusCode.PaymentRequired, "not-enough-points"), (refused.Status, refused.Problem));
        Assert.Equal((HttpStatusCode.PaymentRequired, true), (replay.Status, replay.Replayed));
        var order = refused.Body.GetProperty("orderId").GetGuid();
        Assert.Equal(order, replay.Body.GetProperty("orderId").GetGuid());
        Assert.Equal("CANCELLED", (await buyer.OrderAsync(order)).Text("status"));
        Assert.Equal((Price - 1, 0), await PointsAsync(buyer));
        await shop.HoldBecomesAsync(order, "RELEASED");
    }

    [Fact]
    public async Task Points_that_do_not_fit_the_total_are_400_and_hold_nothing()
    {
        var product = await ProductAsync();
        var buyer = await BuyerWithAsync(Price);

        var refused = await OrderAsync(buyer, product, new { method = "SPLIT", cardToken = "tok_ok", points = Price });

        Assert.Equal(HttpStatusCode.BadRequest, refused.Status);
        Assert.True(refused.Body.GetProperty("errors").TryGetProperty("payment.points", out _), refused.ToString());
        Assert.Equal((Price, 0), await PointsAsync(buyer));
        Assert.Equal(0, await shop.ReservedAsync(product));
    }

    [Fact]
    public async Task A_split_payment_that_is_declined_gives_points_and_stock_back()
    {
        var product = await ProductAsync();
        var buyer = await BuyerWithAsync(400);

        var refused = await OrderAsync(
            buyer, product, new { method = "SPLIT", cardToken = "tok_declined", points = 400 });

        Assert.Equal((HttpStatusCode.PaymentRequired, "payment-declined"), (refused.Status, refused.Problem));
        Assert.Equal((400, 0), await PointsAsync(buyer));
        await shop.HoldBecomesAsync(refused.Body.GetProperty("orderId").GetGuid(), "RELEASED");
    }

    [Fact]
    public async Task Sixty_four_tabs_that_pay_with_the_same_points_spend_no_more_than_there_are()
    {
        const int affordable = 10;
        var product = await ProductAsync();
        var buyer = await BuyerWithAsync((affordable * Price) + 999);

        var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(
            _ => OrderAsync(buyer, product, new { method = "POINTS" })));

        Assert.Equal(affordable, answers.Count(answer => answer.Status == HttpStatusCode.Created));
        Assert.Equal(64 - affordable, answers.Count(answer => answer.Status == HttpStatusCode.PaymentRequired));
        Assert.Equal((999, 0), await PointsAsync(buyer));
        Assert.Equal(affordable * Price, await shop.ScalarAsync<long>(
            "paymentsdb",
            """
            select coalesce(sum(points_captured), 0)::bigint from payments
             where id = any(select (payload ->> 'paymentId')::uuid from outbox
                             where type = 'PointUsed.v1' and key = $1)
            """,
            await UserIdAsync(buyer)));
    }

    private async Task<Guid> ProductAsync() => await (await shop.SellerAsync()).NewProductAsync(1_000, unitPrice: Price);

    private async Task<ShopUser> BuyerWithAsync(long points)
    {
        var buyer = await shop.NewBuyerAsync();
        var charge = await buyer.Payments.PostAsync(
            "/points/charge", new { amount = points, cardToken = "tok_ok" }, NewKey());
        Assert.Equal(HttpStatusCode.Accepted, charge.Status);
        await Eventually.GetAsync(
            () => PointsAsync(buyer), own => own == (points, 0), TimeSpan.FromSeconds(120), "the points are there");
        return buyer;
    }

    private static Task<Answer> OrderAsync(ShopUser buyer, Guid product, object payment, string? key = null) =>
        buyer.Ordering.PostAsync(
            "/orders", new { lines = new[] { new { productId = product, quantity = 1 } }, payment }, key ?? NewKey());

    private static async Task<(long Available, long Held)> PointsAsync(ShopUser buyer)
    {
        var points = await buyer.Payments.AskAsync("/points");
        return (points.Number("available"), points.Number("held"));
    }

    private static Guid PaymentOf(Answer order) =>
        Assert.Single(order.Body.GetProperty("payments").EnumerateArray()).GetProperty("id").GetGuid();

    private static async Task<Guid> UserIdAsync(ShopUser buyer) =>
        (await buyer.Identity.AskAsync("/users/me")).Body.GetProperty("id").GetGuid();
}
