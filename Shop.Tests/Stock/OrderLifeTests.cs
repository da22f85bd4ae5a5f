using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Stock;

/// <summary>What happens to an order after it was placed, and what its buyer can see of that.</summary>
[Collection(StockShopCollection.Name)]
public sealed class OrderLifeTests(StockShop shop)
{
    [Fact]
    public async Task Only_its_seller_moves_a_shipment_and_the_last_delivery_completes_the_order()
    {
        var (seller, other) = (await shop.SellerAsync(1), await shop.SellerAsync(2));
        var (mine, others) = (await seller.NewProductAsync(units: 5), await other.NewProductAsync(units: 5));
        var buyer = await shop.NewBuyerAsync();
        var paid = await buyer.Ordering.PostAsync(
            "/orders", Shelves.OrderOf("tok_ok", (mine, 1), (others, 2)), NewKey());
        Assert.Equal("PAID", paid.Text("status"));
        var (first, second) = (ShipmentOf(paid, mine), ShipmentOf(paid, others));
        Assert.NotEqual(first, second);

        Assert.Equal(HttpStatusCode.NotFound, (await MoveAsync(other, paid.Id, first, "ship")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await MoveAsync(buyer, paid.Id, first, "ship")).Status);
        Assert.Equal("shipment-not-shipped", (await MoveAsync(seller, paid.Id, first, "deliver")).Problem);
        Assert.Equal(["REQUESTED", "REQUESTED"], await ShipmentsAsync(paid.Id));

        Assert.Equal("SHIPPED", (await MoveAsync(seller, paid.Id, first, "ship")).Text("status"));
        Assert.Equal("SHIPPED", (await MoveAsync(seller, paid.Id, first, "ship")).Text("status"));
        Assert.Equal(HttpStatusCode.NotFound, (await MoveAsync(other, paid.Id, first, "deliver")).Status);
        Assert.Equal("DELIVERED", (await MoveAsync(seller, paid.Id, first, "deliver")).Text("status"));
        Assert.Equal("PAID", (await buyer.OrderAsync(paid.Id)).Text("status"));
        Assert.Equal("SHIPPED", (await MoveAsync(other, paid.Id, second, "ship")).Text("status"));
        Assert.Equal("order-shipped", (await CancelAsync(buyer, paid.Id)).Problem);
        Assert.Equal("DELIVERED", (await MoveAsync(other, paid.Id, second, "deliver")).Text("status"));

        Assert.Equal("COMPLETED", (await buyer.OrderAsync(paid.Id)).Text("status"));
        Assert.Equal(["DELIVERED", "DELIVERED"], await ShipmentsAsync(paid.Id));
        Assert.Equal(
            ["PAYMENT_PENDING", "PAID", "PAID", "PAID", "PAID", "COMPLETED"],
            (await TimelineAsync(buyer, paid.Id)).Select(change => change.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task The_timeline_tells_every_change_with_its_time_cause_and_trace()
    {
        var buyer = await shop.NewBuyerAsync();
        var placed = await buyer.PlaceAsync(await (await shop.SellerAsync()).NewProductAsync(units: 1));
        var declined = await buyer.PayAsync(placed.Id, "tok_declined");
        await buyer.PaymentBecomesAsync(declined.Body.GetProperty("paymentId").GetGuid(), "FAILED");
        await buyer.OrderBecomesAsync(placed.Id, "CREATED");
        var trace = ActivityTraceId.CreateRandom().ToHexString();
        using (var request = new HttpRequestMessage(HttpMethod.Post, "/payments")
        {
            Content = JsonContent.Create(new { orderId = placed.Id, method = "CARD", cardToken = "tok_ok" }),
        })
        {
            request.Headers.Add("Idempotency-Key", NewKey());
            request.Headers.Add("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom().ToHexString()}-01");
            using var accepted = await buyer.Payments.SendAsync(request);
            Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        }

        await buyer.OrderBecomesAsync(placed.Id, "PAID");
        await shop.HoldBecomesAsync(placed.Id, "COMMITTED");

        var changes = await TimelineAsync(buyer, placed.Id);
        Assert.Equal(
            ["CREATED", "PAYMENT_PENDING", "CREATED", "PAYMENT_PENDING", "PAID"],
            changes.Select(change => change.GetProperty("status").GetString()));
        Assert.Equal([1L, 2L, 3L, 4L, 5L], changes.Select(change => change.GetProperty("version").GetInt64()));
        Assert.All(changes, change => Assert.False(string.IsNullOrWhiteSpace(change.GetProperty("cause").GetString())));
        Assert.All(changes, change => Assert.Matches("^[0-9a-f]{32}$", change.GetProperty("traceId").GetString()));
        Assert.Equal([trace, trace], changes[3..].Select(change => change.GetProperty("traceId").GetString()));
        var times = Array.ConvertAll(changes, change => change.GetProperty("at").GetDateTimeOffset());
        Assert.Equal(times.Order(), times);
        Assert.Equal(placed.Body.GetProperty("createdAt").GetDateTimeOffset(), times[0]);
        var pages = new List<string>();
        for (var path = $"/orders/{placed.Id}/timeline?limit=2"; path is not null;)
        {
            var page = (await buyer.Ordering.AskAsync(path)).Body;
            pages.Add(string.Join(' ', page.GetProperty("items").EnumerateArray()
                .Select(change => change.GetProperty("version").GetInt64())));
            var next = page.GetProperty("nextCursor").GetString();
            path = next is null ? null : $"/orders/{placed.Id}/timeline?limit=2&cursor={next}";
        }

        Assert.Equal(["1 2", "3 4", "5"], pages);
        foreach (var bad in (string[])["limit=0", "limit=101", "cursor=x", "cursor=-1"])
        {
            var refused = await buyer.Ordering.AskAsync($"/orders/{placed.Id}/timeline?{bad}");
            Assert.Equal((HttpStatusCode.BadRequest, "invalid-request"), (refused.Status, refused.Problem));
        }

        // What an event brought names it, and Payments did publish it.
        await AssertPublishedAsync(changes[2], "PaymentFailed.v1");
        await AssertPublishedAsync(changes[4], "PaymentCompleted.v1");

        var stranger = await shop.NewBuyerAsync();
        var hidden = await stranger.Ordering.AskAsync($"/orders/{placed.Id}/timeline");
        Assert.Equal((HttpStatusCode.NotFound, "not-found"), (hidden.Status, hidden.Problem));
    }

    [Fact]
    public async Task My_orders_come_in_pages_the_newest_first_each_once()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 20);
        var (buyer, neighbour) = (await shop.NewBuyerAsync(), await shop.NewBuyerAsync());
        var placed = new List<Guid>();
        for (var i = 0; i < 5; i++)
        {
            placed.Insert(0, (await buyer.PlaceAsync(product)).Id);
            await neighbour.PlaceAsync(product);
        }

        var first = await buyer.Ordering.AskAsync("/orders/me?limit=2");
        await buyer.PlaceAsync(product); // Newer than the first page: it moves nothing on the next ones.
        var second = await buyer.Ordering.AskAsync($"/orders/me?limit=2&cursor={first.Text("nextCursor")}");
        var third = await buyer.Ordering.AskAsync($"/orders/me?limit=2&cursor={second.Text("nextCursor")}");

        Assert.Equal(placed[..2], IdsOf(first));
        Assert.Equal(placed[2..4], IdsOf(second));
        Assert.Equal(placed[4..], IdsOf(third));
        Assert.Equal(JsonValueKind.Null, third.Body.GetProperty("nextCursor").ValueKind);

        foreach (var (query, field) in (List<(string, string)>)
            [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor")])
        {
            var refused = await buyer.Ordering.AskAsync($"/orders/me?{query}");
            Assert.Equal((HttpStatusCode.BadRequest, "invalid-request"), (refused.Status, refused.Problem));
            Assert.True(refused.Body.GetProperty("errors").TryGetProperty(field, out _), refused.ToString());
        }
    }

    [Fact]
    public async Task Cancelled_before_its_payment_an_order_gives_its_hold_back()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 4);
        var buyer = await shop.NewBuyerAsync();
        var placed = await buyer.PlaceAsync(product, quantity: 4);
        Assert.Equal(new Shelf(4, 4, 4, 0, 0, 4), await shop.ShelfAsync(product));

        var cancelled = await CancelAsync(buyer, placed.Id);
        var again = await CancelAsync(buyer, placed.Id);

        Assert.Equal((HttpStatusCode.OK, "CANCELLED"), (cancelled.Status, cancelled.Text("status")));
        Assert.Equal((HttpStatusCode.OK, "CANCELLED"), (again.Status, again.Text("status")));
        await shop.ShelfBecomesAsync(product, new Shelf(4, 0, 4, 0, 0, 0));
        Assert.Equal("RELEASED", await shop.HoldAsync(placed.Id));
        var refused = await buyer.PayAsync(placed.Id, "tok_ok");
        Assert.Equal((HttpStatusCode.Conflict, "order-not-payable"), (refused.Status, refused.Problem));
        Assert.Equal(
            ["CREATED", "CANCELLED"],
            (await TimelineAsync(buyer, placed.Id)).Select(change => change.GetProperty("status").GetString()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Cancelled_after_its_payment_an_order_is_refunded_and_restocked_once(bool restock)
    {
        var seller = await shop.SellerAsync();
        var product = await seller.NewProductAsync(units: 10, unitPrice: 2_500);
        var buyer = await shop.NewBuyerAsync();
        var paid = await buyer.PlaceAsync(product, quantity: 3, card: "tok_ok");
        Assert.Equal("PAID", paid.Text("status"));
        var payment = Assert.Single(paid.Body.GetProperty("payments").EnumerateArray()).GetProperty("id").GetGuid();
        await shop.ShelfBecomesAsync(product, new Shelf(7, 0, 10, 3, 0, 0));

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => CancelAsync(buyer, paid.Id, restock)));
        Assert.All(answers, answer => Assert.True(
            answer.Status is HttpStatusCode.Accepted or HttpStatusCode.OK, answer.ToString()));
        Assert.Contains(answers, answer => answer.Status == HttpStatusCode.Accepted);
        await buyer.OrderBecomesAsync(paid.Id, "REFUNDED");

        await shop.ShelfBecomesAsync(
            product, restock ? new Shelf(10, 0, 10, 3, 3, 0) : new Shelf(7, 0, 10, 3, 0, 0));
        var late = await CancelAsync(buyer, paid.Id, restock);
        Assert.Equal((HttpStatusCode.OK, "REFUNDED"), (late.Status, late.Text("status")));
        var refunded = await shop.ScalarAsync<long[]>(
            "sandboxdb",
            "select array_agg(amount_minor) from refunds where charge_key = $1 and status = 'REFUNDED'",
            payment.ToString());
        Assert.Equal(7_500, Assert.Single(refunded));
        Assert.Equal(7_500, (await buyer.Payments.AskAsync($"/payments/{payment}")).Number("refunded"));
        Assert.Equal(1, await shop.ScalarAsync<long>(
            "paymentsdb", "select count(*) from refunds where payment_id = $1 and status = 'COMPLETED'", payment));
        Assert.Equal(["CANCELLED"], await ShipmentsAsync(paid.Id));
        var shipped = await MoveAsync(seller, paid.Id, ShipmentOf(paid, product), "ship");
        Assert.Equal((HttpStatusCode.Conflict, "shipment-not-wanted"), (shipped.Status, shipped.Problem));
        Assert.Equal(
            ["PAYMENT_PENDING", "PAID", "PAID", "REFUNDED"],
            (await TimelineAsync(buyer, paid.Id)).Select(change => change.GetProperty("status").GetString()));
    }

    private static Guid ShipmentOf(Answer order, Guid product)
    {
        var line = order.Body.GetProperty("lines").EnumerateArray()
            .Single(line => line.GetProperty("productId").GetGuid() == product);
        return order.Body.GetProperty("shipments").EnumerateArray()
            .Single(s => s.GetProperty("sellerId").GetGuid() == line.GetProperty("sellerId").GetGuid())
            .GetProperty("id").GetGuid();
    }

    private static Task<Answer> MoveAsync(ShopUser user, Guid order, Guid shipment, string move) =>
        user.Ordering.PostAsync($"/orders/{order}/shipments/{shipment}/{move}", new { });

    private static Task<Answer> CancelAsync(ShopUser buyer, Guid order, bool? restock = null) =>
        buyer.Ordering.PostAsync($"/orders/{order}/cancel", new { reason = "changed my mind", restock });

    private static async Task<JsonElement[]> TimelineAsync(ShopUser buyer, Guid order)
    {
        var timeline = await buyer.Ordering.AskAsync($"/orders/{order}/timeline");
        Assert.Equal(HttpStatusCode.OK, timeline.Status);
        return [.. timeline.Body.GetProperty("items").EnumerateArray()];
    }

    private Task<string[]> ShipmentsAsync(Guid order) =>
        shop.ScalarAsync<string[]>("orderingdb", "select array_agg(status) from shipments where order_id = $1", order);

    private async Task AssertPublishedAsync(JsonElement change, string type) =>
        Assert.Equal(type, await shop.ScalarAsync<string>(
            "paymentsdb", "select type from outbox where event_id = $1", change.GetProperty("eventId").GetGuid()));

    private static Guid[] IdsOf(Answer page) =>
        [.. page.Body.GetProperty("items").EnumerateArray().Select(order => order.GetProperty("id").GetGuid())];
}
