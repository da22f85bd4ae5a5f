using System.Net;
using Shop.Tests.Fixtures;
using Shop.Tests.Proof;
using Shop.Tests.Purchase;
using Shop.Tests.Stock;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Faults;

/// <summary>Orders left half-done in every way that a sweep knows: all end right without a person.</summary>
[Collection(FaultShopCollection.Name)]
public sealed class StuckOrderTests(FaultShop shop)
{
    private const int Kinds = 6;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    [Fact]
    [Trait("Category", "Long")]
    public Task About_20_orders_stuck_in_every_way_end_right() => EndRightAsync(ofEachKind: 3);

    [Fact]
    [Trait("Category", "Long")]
    public Task More_than_200_orders_stuck_in_every_way_end_right() => EndRightAsync(ofEachKind: 35);

    private async Task EndRightAsync(int ofEachKind)
    {
        var units = ofEachKind * Kinds;
        var product = await (await shop.SellerAsync()).NewProductAsync(units);
        var buyer = await shop.NewBuyerAsync();
        var before = await RecoveredAsync();

        // Payments died after Ordering's yes; the order was, or was not, to be cancelled meanwhile.
        var lost = await LoseStartsAsync(buyer, product, ofEachKind, cancelled: false);
        var unwanted = await LoseStartsAsync(buyer, product, ofEachKind, cancelled: true);
        // Ordering died between the hold and the order.
        var orphans = await Task.WhenAll(Enumerable.Range(0, ofEachKind).Select(_ =>
            shop.ScalarAsync<Guid>("catalogdb", ProvedShop.OrphanHoldSql, Guid.CreateVersion7())));
        // The processor took it, or never got it, and did not answer.
        var captured = await BuyAsync(buyer, product, ofEachKind, "tok_timeout_captured");
        var unanswered = await BuyAsync(buyer, product, ofEachKind, "tok_timeout_lost");
        // The processor fails with the refund of a cancelled order.
        var refunded = await BuyAsync(buyer, product, ofEachKind, "tok_refund_flaky_2");
        await shop.AllBecomeAsync(refunded, "PAID");
        foreach (var (_, order) in refunded)
        {
            var cancelled = await buyer.Ordering.PostAsync($"/orders/{order}/cancel", new { reason = "test" });
            Assert.Equal(HttpStatusCode.Accepted, cancelled.Status);
        }

        await shop.AllBecomeAsync(lost, "CREATED");
        await shop.AllBecomeAsync(unwanted, "CANCELLED");
        await shop.AllBecomeAsync(captured, "PAID");
        await shop.AllBecomeAsync(refunded, "REFUNDED");
        foreach (var orphan in orphans) await shop.HoldBecomesAsync(orphan, "EXPIRED");
        var paid = await Eventually.GetAsync(
            () => EndedAsync(unanswered), ended => ended.Paid + ended.Cancelled == ofEachKind, Patience);

        await AssertCountedAsync(before, ofEachKind);
        foreach (var (_, order) in lost) await CancelAsync(buyer, order);
        var sold = ofEachKind + (int)paid.Paid;
        await Eventually.GetAsync(
            () => shop.ShelfAsync(product),
            shelf => shelf.OnHand == units - sold && shelf is { Reserved: 0, Held: 0 }, Patience, $"{sold} are sold");
    }

    private async Task<(ShopUser, Guid)[]> LoseStartsAsync(ShopUser buyer, Guid product, int count, bool cancelled)
    {
        var orders = new List<(ShopUser, Guid)>();
        for (var i = 0; i < count; i++)
        {
            var order = await buyer.PlaceAsync(product);
            Assert.Equal(HttpStatusCode.Created, order.Status);
            await shop.ScalarAsync<Guid>("orderingdb", ProvedShop.LostPaymentSql, order.Id, cancelled);
            orders.Add((buyer, order.Id));
        }

        return [.. orders];
    }

    private static Task<(ShopUser Buyer, Guid Order)[]> BuyAsync(
        ShopUser buyer, Guid product, int count, string card) =>
        Enumerable.Repeat(buyer, count).BuyAllAsync(product, card);

    private async Task<(long Paid, long Cancelled)> EndedAsync((ShopUser Buyer, Guid Order)[] bought)
    {
        var counts = await shop.ScalarAsync<long[]>(
            "orderingdb",
            """
            select array[count(*) filter (where status = 'PAID'), count(*) filter (where status = 'CANCELLED')]
              from orders where id = any ($1)
            """, bought.Select(item => item.Order).ToArray());
        return (counts[0], counts[1]);
    }

    private async Task AssertCountedAsync(Dictionary<string, long> before, int atLeast)
    {
        foreach (var kind in (string[])["cancel-requests", "orders-in-payment", "overdue-holds", "payments", "refunds"])
        {
            await Eventually.GetAsync(
                RecoveredAsync, now => now[kind] - before[kind] >= atLeast, Patience, $"{kind} are counted");
        }
    }

    /// <summary>What the sweeps have recovered since the shop was set up, by kind.</summary>
    private async Task<Dictionary<string, long>> RecoveredAsync()
    {
        var admin = await shop.SampleUserAsync("admin@shop.example");
        var answer = await admin.Workers.AskAsync("/ops/recovery");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        return answer.Body.GetProperty("items").EnumerateArray().ToDictionary(
            item => item.GetProperty("kind").GetString()!, item => item.GetProperty("recovered").GetInt64());
    }

    private static async Task CancelAsync(ShopUser buyer, Guid order)
    {
        var cancelled = await buyer.Ordering.PostAsync($"/orders/{order}/cancel", new { reason = "test" }, NewKey());
        Assert.Equal(HttpStatusCode.OK, cancelled.Status);
    }
}
