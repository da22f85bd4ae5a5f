using System.Net;
using Shop.Tests.Fixtures;
using Shop.Tests.Stock;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Purchase;

/// <summary>Refunds through the whole shop, two replicas of each API and two workers.</summary>
[Collection(StockShopCollection.Name)]
public sealed class RefundTests(StockShop shop)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    [Fact]
    public async Task Two_refunds_of_60_percent_at_once_are_one_and_the_processor_agrees()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 5, unitPrice: 10_000);
        var (buyer, order, payment) = await BuyAsync(product, quantity: 1);

        var answers = await Task.WhenAll(
            RefundAsync(buyer, payment, new { amount = 6_000, reason = "scratched" }),
            RefundAsync(buyer, payment, new { amount = 6_000, reason = "dented" }));

        var accepted = Assert.Single(answers, answer => answer.Status == HttpStatusCode.Accepted);
        var refused = Assert.Single(answers, answer => answer.Status == HttpStatusCode.Conflict);
        Assert.Equal(("refund-exceeds-payment", 4_000), (refused.Problem, refused.Number("left")));
        await RefundBecomesAsync(buyer, accepted.Body.GetProperty("refundId").GetGuid(), "COMPLETED");
        await buyer.OrderBecomesAsync(order, "PARTIALLY_REFUNDED");
        Assert.Equal(6_000, await RefundedAtTheProcessorAsync(payment));
        var stranger = await shop.NewBuyerAsync();
        Assert.Equal(
            HttpStatusCode.NotFound, (await RefundAsync(stranger, payment, new { amount = 1, reason = "x" })).Status);
    }

    [Fact]
    public async Task Refunds_of_lines_against_shipping_at_once_never_end_shipped_and_restocked()
    {
        var seller = await shop.SellerAsync();
        var product = await seller.NewProductAsync(units: 100);
        var bought = new List<(ShopUser Buyer, Guid Order, Guid Payment)>();
        for (var i = 0; i < 8; i++) bought.Add(await BuyAsync(product, quantity: 2));

        var outcomes = await Task.WhenAll(bought.Select(async item =>
        {
            var shipment = (await item.Buyer.OrderAsync(item.Order)).Body.GetProperty("shipments")[0]
                .GetProperty("id").GetGuid();
            var shipping = seller.Ordering.PostAsync($"/orders/{item.Order}/shipments/{shipment}/ship", new { });
            var refunding = RefundAsync(
                item.Buyer, item.Payment,
                new { lines = new[] { new { productId = product, quantity = 2 } }, restock = true, reason = "back" });
            return (Shipped: await shipping, Refunded: await refunding, item.Order, item.Buyer);
        }));

        foreach (var (shipped, refunded, order, buyer) in outcomes)
        {
            Assert.True(
                (shipped.Status == HttpStatusCode.OK) != (refunded.Status == HttpStatusCode.Accepted),
                $"{shipped} and {refunded}");
            if (refunded.Status == HttpStatusCode.Accepted) await buyer.OrderBecomesAsync(order, "REFUNDED");
            else Assert.Equal("already-shipped", refunded.Problem);
        }

        var restocked = outcomes.Count(outcome => outcome.Refunded.Status == HttpStatusCode.Accepted) * 2;
        await Eventually.GetAsync(
            () => shop.ShelfAsync(product), shelf => shelf.OnHand == 100 - 16 + restocked && shelf.Held == 0, Patience);
        foreach (var (shipped, _, order, _) in outcomes)
        {
            Assert.Equal(
                shipped.Status == HttpStatusCode.OK ? 0 : 2,
                await shop.ScalarAsync<long>(
                    "catalogdb",
                    """
                    select coalesce(sum(given_back), 0)::bigint from reservation_lines where order_id = $1
                    """, order));
        }
    }

    [Fact]
    public async Task Refunded_in_part_then_cancelled_an_order_is_restocked_and_refunded_once()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 10, unitPrice: 2_500);
        var (buyer, order, payment) = await BuyAsync(product, quantity: 3);
        await shop.ShelfBecomesAsync(product, new Shelf(7, 0, 10, 3, 0, 0));
        var body = new
        {
            lines = new[] { new { productId = product, quantity = 2 } }, restock = true, reason = "too many",
        };
        var key = NewKey();

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => RefundAsync(buyer, payment, body, key)));
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.Accepted, answer.Status));
        var refund = Assert.Single(answers.Select(a => a.Body.GetProperty("refundId").GetGuid()).Distinct());
        var shown = await RefundBecomesAsync(buyer, refund, "COMPLETED");
        Assert.Equal(
            $$"""
            {"id":"{{refund}}","paymentId":"{{payment}}","status":"COMPLETED","amount":5000,"card":5000,"points":0,
            "reason":"too many"}
            """.ReplaceLineEndings(""),
            shown.Body.GetRawText());
        await shop.ShelfBecomesAsync(product, new Shelf(9, 0, 10, 3, 2, 0));

        var cancelled = await buyer.Ordering.PostAsync($"/orders/{order}/cancel", new { reason = "no more" });
        Assert.Equal(HttpStatusCode.Accepted, cancelled.Status);
        await buyer.OrderBecomesAsync(order, "REFUNDED");

        await shop.ShelfBecomesAsync(product, new Shelf(10, 0, 10, 3, 3, 0));
        Assert.Equal(7_500, await RefundedAtTheProcessorAsync(payment));
        Assert.Equal(7_500, (await buyer.Payments.AskAsync($"/payments/{payment}")).Number("refunded"));
        var over = await buyer.Payments.PostAsync($"/payments/{payment}/cancel", new { }, NewKey());
        Assert.Equal((HttpStatusCode.OK, "COMPLETED"), (over.Status, over.Text("status")));
    }

    [Fact]
    public async Task A_payment_that_is_cancelled_takes_its_whole_order_back()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 4);
        var (buyer, order, payment) = await BuyAsync(product, quantity: 4);

        var cancelled = await buyer.Payments.PostAsync(
            $"/payments/{payment}/cancel", new { reason = "changed my mind" }, NewKey());

        Assert.Equal(HttpStatusCode.Accepted, cancelled.Status);
        await buyer.OrderBecomesAsync(order, "REFUNDED");
        await Eventually.GetAsync(
            () => shop.ShelfAsync(product), shelf => shelf is { OnHand: 4, Held: 0, Reserved: 0 }, Patience);
        Assert.Equal(4_000, await RefundedAtTheProcessorAsync(payment));
        Assert.Equal("CANCELLED", await shop.ScalarAsync<string>(
            "orderingdb", "select status from shipments where order_id = $1", order));
    }

    private async Task<(ShopUser Buyer, Guid Order, Guid Payment)> BuyAsync(Guid product, long quantity)
    {
        var buyer = await shop.NewBuyerAsync();
        var paid = await buyer.PlaceAsync(product, quantity, card: "tok_ok");
        Assert.Equal((HttpStatusCode.Created, "PAID"), (paid.Status, paid.Text("status")));
        return (buyer, paid.Id, paid.Body.GetProperty("payments")[0].GetProperty("id").GetGuid());
    }

    private static Task<Answer> RefundAsync(ShopUser user, Guid payment, object body, string? key = null) =>
        user.Payments.PostAsync($"/payments/{payment}/refunds", body, key ?? NewKey());

    private static Task<Answer> RefundBecomesAsync(ShopUser buyer, Guid refund, string status) =>
        Eventually.GetAsync(
            () => buyer.Payments.AskAsync($"/refunds/{refund}"), answer => answer.Text("status") == status,
            Patience, $"refund {refund} is {status}");

    private Task<long> RefundedAtTheProcessorAsync(Guid payment) => shop.ScalarAsync<long>(
        "sandboxdb",
        "select coalesce(sum(amount_minor), 0)::bigint from refunds where charge_key = $1 and status = 'REFUNDED'",
        payment.ToString());
}
