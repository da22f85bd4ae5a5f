using System.Net;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using Shop.Tests.Stock;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Faults;

/// <summary>
/// The processor has taken the money and its answer is lost: one call with a hold of 30 seconds ends paid with its
/// stock, or refunded once and whole.
/// </summary>
[Collection(FaultShopCollection.Name)]
public sealed class LateCaptureTests(FaultShop shop)
{
    private const string Card = "tok_timeout_captured";
    private const long Price = 1_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private const string EndHoldSql = """
        update reservations set expires_at = now(), ask_again_at = now()
         where order_id = $1 and status = 'HELD'
        returning order_id
        """;

    // What a keep leaves: the next question far away. A claim alone moves it by two seconds.
    private const string IsKeptSql = """
        select status = 'HELD' and expires_at <= now() and ask_again_at > now() + interval '5 seconds'
          from reservations where order_id = $1
        """;

    // As Catalog gives a hold back, here without being told to.
    private const string LoseHoldSql = """
        with ended as (
            update reservations set status = 'EXPIRED', ended_at = now(), version = version + 1
             where order_id = $1 and status = 'HELD'
            returning order_id)
        update stock s set reserved = s.reserved - l.quantity
          from ended join reservation_lines l on l.order_id = ended.order_id
         where s.product_id = l.product_id
        returning s.reserved
        """;

    private const string RefundsSql = """
        select coalesce(array_agg(amount_minor), '{}') from refunds where charge_key = $1 and status = 'REFUNDED'
        """;

    [Fact]
    public async Task Captured_with_the_answer_lost_an_order_ends_paid_with_its_stock_or_refunded_once()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 1, unitPrice: Price);
        var buyer = await shop.NewBuyerAsync();

        var bought = await buyer.PlaceAsync(product, 1, Card);

        Assert.True(bought.Status is HttpStatusCode.Created or HttpStatusCode.Accepted, bought.ToString());
        var status = await EndsAsync(buyer, bought.Id);
        await shop.ShelfBecomesAsync(
            product, status == "PAID" ? new Shelf(0, 0, 1, 1, 0, 0) : new Shelf(1, 0, 1, 0, 0, 0));
    }

    [Fact]
    public async Task While_the_outcome_is_unknown_a_hold_outlives_its_time_and_then_is_sold()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 1, unitPrice: Price);
        var (buyer, late) = (await shop.NewBuyerAsync(), await shop.NewBuyerAsync());

        var order = await HiddenAsync(async () =>
        {
            var order = await CaptureAsync(buyer, product);
            await shop.EndTimeOfAsync(order);
            await shop.ScalarAsync<Guid>("catalogdb", EndHoldSql, order);
            await Eventually.HoldsAsync(
                () => shop.ScalarAsync<bool>("catalogdb", IsKeptSql, order), Patience, $"the hold of {order} is kept");
            var refused = await late.PlaceAsync(product, 1, "tok_ok");
            Assert.Equal((HttpStatusCode.Conflict, "out-of-stock"), (refused.Status, refused.Problem));
            Assert.Equal("PAYMENT_PENDING", (await buyer.OrderAsync(order)).Text("status"));
            return order;
        });

        Assert.Equal("PAID", await EndsAsync(buyer, order));
        await shop.HoldBecomesAsync(order, "COMMITTED");
        await shop.ShelfBecomesAsync(product, new Shelf(0, 0, 1, 1, 0, 0));
    }

    [Fact]
    public async Task Captured_after_its_hold_was_lost_and_sold_to_another_an_order_is_refunded_once()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 1, unitPrice: Price);
        var (buyer, other) = (await shop.NewBuyerAsync(), await shop.NewBuyerAsync());

        var order = await HiddenAsync(async () =>
        {
            var order = await CaptureAsync(buyer, product);
            Assert.Equal(0, await shop.ScalarAsync<long>("catalogdb", LoseHoldSql, order));
            await shop.AllBecomeAsync(await new[] { other }.BuyAllAsync(product), "PAID");
            return order;
        });

        await buyer.OrderBecomesAsync(order, "REFUNDED");
        Assert.Equal("REFUNDED", await EndsAsync(buyer, order));
        Assert.Equal("EXPIRED", await shop.HoldAsync(order));
        await shop.ShelfBecomesAsync(product, new Shelf(0, 0, 1, 1, 0, 0));
    }

    [Fact]
    public async Task Cancelled_after_a_capture_that_nobody_knows_of_an_order_is_refunded_once()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 1, unitPrice: Price);
        var buyer = await shop.NewBuyerAsync();

        var order = await HiddenAsync(async () =>
        {
            var order = await CaptureAsync(buyer, product);
            var cancelled = await buyer.Ordering.PostAsync($"/orders/{order}/cancel", new { reason = "no more" });
            Assert.Equal(HttpStatusCode.Accepted, cancelled.Status);
            await Eventually.HoldsAsync(
                () => shop.ScalarAsync<bool>("paymentsdb", "select void_due from payments where order_id = $1", order),
                Patience, $"the payment of {order} is to be voided");
            Assert.Equal("PAYMENT_PENDING", (await buyer.OrderAsync(order)).Text("status"));
            return order;
        });

        await buyer.OrderBecomesAsync(order, "REFUNDED");
        Assert.Equal("REFUNDED", await EndsAsync(buyer, order));
        Assert.Equal("PAYMENT_PENDING PAYMENT_PENDING PAID REFUNDED", await shop.ScalarAsync<string>(
            "orderingdb",
            "select string_agg(status, ' ' order by version) from order_transitions where order_id = $1", order));
        await Eventually.GetAsync(
            () => shop.ShelfAsync(product),
            shelf => shelf is { OnHand: 1, Reserved: 0, Held: 0 } && shelf.Sold == shelf.Restocked, Patience,
            $"the unit of {order} is back");
    }

    /// <summary>Until it has run, nobody can store that a payment with that card is captured.</summary>
    private Task<Guid> HiddenAsync(Func<Task<Guid>> run) => shop.RefusingAsync(
        "paymentsdb", "update on payments", $"new.card_token = '{Card}' and new.status = 'COMPLETED'", run);

    /// <summary>In one call; the order whose money is taken, which nobody but the processor knows.</summary>
    private async Task<Guid> CaptureAsync(ShopUser buyer, Guid product)
    {
        var bought = await buyer.PlaceAsync(product, 1, Card);
        Assert.Equal(
            (HttpStatusCode.Accepted, "PAYMENT_PENDING"), (bought.Status, bought.Text("status")));
        var payment = await PaymentAsync(bought.Id);
        await Eventually.GetAsync(() => shop.CapturesAsync(payment), captures => captures == 1, Patience, "a capture");
        Assert.Equal("PROCESSING", await shop.ScalarAsync<string>(
            "paymentsdb", "select status from payments where id = $1", payment));
        return bought.Id;
    }

    /// <summary>How it ended, with one capture and no money kept for nothing.</summary>
    private async Task<string> EndsAsync(ShopUser buyer, Guid order)
    {
        var ended = await Eventually.GetAsync(
            () => buyer.OrderAsync(order), answer => answer.Text("status") is "PAID" or "REFUNDED", Patience,
            $"{order} ends");
        var status = ended.Text("status");
        var payment = await PaymentAsync(order);
        Assert.Equal((1, Price), (await shop.CapturesAsync(payment), await shop.CapturedAsync(payment)));
        long[] expected = status == "PAID" ? [] : [Price];
        Assert.Equal(expected, await shop.ScalarAsync<long[]>("sandboxdb", RefundsSql, payment.ToString()));
        Assert.Equal(expected.Sum(), await shop.ScalarAsync<long>(
            "paymentsdb", "select card_refunded from payments where id = $1 and status = 'COMPLETED'", payment));
        return status;
    }

    /// <summary>The order's one payment.</summary>
    private async Task<Guid> PaymentAsync(Guid order) => Assert.Single(await shop.ScalarAsync<Guid[]>(
        "paymentsdb", "select array_agg(id) from payments where order_id = $1", order));
}
