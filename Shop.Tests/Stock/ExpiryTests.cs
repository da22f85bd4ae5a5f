using System.Net;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;
using static Shop.Tests.Stock.Shelves;

namespace Shop.Tests.Stock;

/// <summary>Orders that live for seconds, and sweeps that look often.</summary>
public sealed class ExpiringShop() : ShopApp(new ShopAppOptions
{
    Apis = 2,
    Workers = 2,
    Settings = new Dictionary<string, string>(StockShop.Crowded)
    {
        ["Orders:TtlSeconds"] = "12",
        ["Orders:ExpirySweepSeconds"] = "0.1",
        ["Stock:SweepSeconds"] = "0.5",
        ["Stock:SweepGraceSeconds"] = "0.5",
    },
});

/// <summary>Time against money: an order not paid in time ends, while its payment may just be starting.</summary>
public sealed class ExpiryTests(ExpiringShop shop) : IClassFixture<ExpiringShop>
{
    private const string EndedSql =
        "select count(*) from orders where id = any($1) and status in ('PAID', 'EXPIRED')";

    private const string PaidSql = "select count(*) from orders where id = any($1) and status = 'PAID'";

    private const string EndedOnceSql = """
        select count(*) from (
            select from order_transitions
             where order_id = any($1) and status in ('PAID', 'EXPIRED', 'CANCELLED')
             group by order_id having count(*) = 1) as ended_once
        """;

    private const string HoldsSql = "select count(*) from reservations where order_id = any($1) and status";

    [Fact]
    public async Task Of_1000_orders_that_expire_while_half_of_them_are_being_paid_each_ends_once()
    {
        const int count = 1_000;
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 2 * count, unitPrice: 700);
        var buyers = await shop.NewBuyersAsync(20);

        // Two units each. Every second order is paid around the moment at which its time is over.
        var runs = await Task.WhenAll(buyers.Select((buyer, number) =>
            PlaceAndPayAsync(buyer, product, Enumerable.Range(0, count).Where(i => i % buyers.Length == number))));
        var placed = runs.SelectMany(run => run).ToArray();
        Assert.Equal(count, placed.Length);
        var orders = placed.Select(one => one.Order).ToArray();
        var taken = placed.Where(one => one.Payment?.Status == HttpStatusCode.Accepted).ToArray();
        var refused = placed.Where(one => one.Payment is { } p && p.Status != HttpStatusCode.Accepted).ToArray();
        Assert.All(refused, one => Assert.Equal(
            (HttpStatusCode.Conflict, "order-expired"), (one.Payment!.Status, one.Payment.Problem)));
        Assert.True(taken.Length > 0 && refused.Length > 0, $"No race: {taken.Length} taken, {refused.Length} late.");

        await Eventually.GetAsync(
            () => CountAsync("orderingdb", EndedSql, orders),
            ended => ended == count, TimeSpan.FromSeconds(180), "all orders have ended");

        // A yes to the payment is a paid order, a no is an expired one, and there is no third way.
        long paid = taken.Length;
        Assert.Equal(paid, await CountAsync(
            "orderingdb", PaidSql, [.. taken.Select(one => one.Order)]));
        Assert.Equal(paid, await CountAsync("orderingdb", PaidSql, orders));
        Assert.Equal(count, await CountAsync("orderingdb", EndedOnceSql, orders));

        await AssertCapturedOnceAsync(paid, amount: 1_400);
        await shop.ShelfBecomesAsync(product, new Shelf(2 * (count - paid), 0, 2 * count, 2 * paid, 0, 0));
        Assert.Equal(paid, await CountAsync("catalogdb", $"{HoldsSql} = 'COMMITTED'", orders));
        Assert.Equal(count - paid, await CountAsync("catalogdb", $"{HoldsSql} in ('EXPIRED', 'RELEASED')", orders));
    }

    [Fact]
    public async Task An_expired_order_says_when_and_why_and_cannot_be_paid_or_cancelled()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 3);
        var buyer = await shop.NewBuyerAsync();
        var placed = await buyer.PlaceAsync(product, quantity: 3);
        await buyer.OrderBecomesAsync(placed.Id, "EXPIRED");

        var timeline = await buyer.Ordering.AskAsync($"/orders/{placed.Id}/timeline");
        var changes = timeline.Body.GetProperty("items").EnumerateArray().ToArray();
        Assert.Equal(["CREATED", "EXPIRED"], changes.Select(change => change.GetProperty("status").GetString()));
        Assert.Equal("not paid in time", changes[1].GetProperty("cause").GetString());
        Assert.Matches("^[0-9a-f]{32}$", changes[1].GetProperty("traceId").GetString());
        Assert.True(
            changes[1].GetProperty("at").GetDateTimeOffset()
            >= placed.Body.GetProperty("expiresAt").GetDateTimeOffset(), timeline.ToString());

        Assert.Equal("order-expired", (await buyer.PayAsync(placed.Id, "tok_ok")).Problem);
        var cancelled = await buyer.Ordering.PostAsync($"/orders/{placed.Id}/cancel", new { reason = "too late" });
        Assert.Equal((HttpStatusCode.Conflict, "order-expired"), (cancelled.Status, cancelled.Problem));
        await shop.ShelfBecomesAsync(product, new Shelf(3, 0, 3, 0, 0, 0));
    }

    /// <summary>Places one order after the other; each is paid at its own time, while later ones are placed.</summary>
    private static async Task<Placed[]> PlaceAndPayAsync(ShopUser buyer, Guid product, IEnumerable<int> numbers)
    {
        var (ordering, payments) = (buyer.Ordering, buyer.Payments);
        var placed = new List<Task<Placed>>();
        foreach (var number in numbers)
        {
            var answer = await ordering.PostAsync("/orders", OrderOf(card: null, (product, 2)), NewKey());
            Assert.Equal(HttpStatusCode.Created, answer.Status);
            placed.Add(number % 2 == 0
                ? PayAroundTheEndAsync(payments, number, answer)
                : Task.FromResult(new Placed(answer.Id, Payment: null)));
        }

        return await Task.WhenAll(placed);
    }

    private static async Task<Placed> PayAroundTheEndAsync(HttpClient payments, int number, Answer placed)
    {
        // From 9 s before its end to 1 s after it, spread evenly: this aims at the race, it does not wait for it. On a
        // slow machine a payment takes seconds to reach its order, and then the early ones meet the end.
        var aim = placed.Body.GetProperty("expiresAt").GetDateTimeOffset()
            .AddMilliseconds(((number * 37) % 10_000) - 9_000);
        var pause = aim - TimeProvider.System.GetUtcNow();
        if (pause > TimeSpan.Zero) await Task.Delay(pause);
        return new Placed(placed.Id, await payments.PostAsync(
            "/payments", new { orderId = placed.Id, method = "CARD", cardToken = "tok_ok" }, NewKey()));
    }

    /// <summary>The processor has one capture for each paid order, of its total, and none for any other.</summary>
    private async Task AssertCapturedOnceAsync(long paid, long amount)
    {
        var keys = await shop.ScalarAsync<string[]>(
            "orderingdb", "select array_agg(payment_id::text) from orders where status = 'PAID'");
        Assert.Equal(paid, keys.Distinct().Count());
        Assert.Equal(paid, await shop.ScalarAsync<long>(
            "sandboxdb",
            "select count(*) from captures where charge_key = any($1) and amount_minor = $2", keys, amount));
        Assert.Equal(paid, await shop.ScalarAsync<long>("sandboxdb", "select count(*) from captures"));
        Assert.Equal(0, await shop.ScalarAsync<long>("sandboxdb", "select count(*) from refunds"));
        Assert.Equal(paid, await shop.ScalarAsync<long>(
            "paymentsdb", "select count(*) from payments where status = 'COMPLETED' and card_captured = amount"));
    }

    private Task<long> CountAsync(string database, string sql, Guid[] orders) =>
        shop.ScalarAsync<long>(database, sql, orders);

    /// <param name="Payment">The answer to its payment, if one was tried.</param>
    private sealed record Placed(Guid Order, Answer? Payment);
}
