using System.Net.Http.Json;
using System.Text.Json;
using Shop.Ordering.Orders;
using Shop.Ordering.Shipments;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Ordering;

public sealed class CancelAndShipTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    [Fact]
    public async Task An_unpaid_order_is_cancelled_at_once_and_once()
    {
        var order = await app.PlaceAsync(app.Shop.Stock(5));

        Assert.Equal((200, "CANCELLED"), await CancelAsync(order));
        Assert.Equal((200, "CANCELLED"), await CancelAsync(order));

        Assert.Equal(["OrderCreated.v1", "OrderCancelled.v1"], await app.EventsAsync(order.Id));
        using var stranger = app.Buyer(Guid.CreateVersion7());
        Assert.Equal(404, (int)(await PostAsync(stranger, $"/orders/{order.Id}/cancel")).StatusCode);
        using var owner = app.Buyer(order.UserId);
        Assert.Equal(400, (int)(await owner.PostAsJsonAsync($"/orders/{order.Id}/cancel", new { })).StatusCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Cancelling_during_a_payment_waits_for_its_outcome(bool captured)
    {
        var (order, paymentId) = await app.PlacePendingAsync(app.Shop.Stock(5));

        Assert.Equal((202, "PAYMENT_PENDING"), await CancelAsync(order));
        Assert.Equal((202, "PAYMENT_PENDING"), await CancelAsync(order));
        var verdict = captured
            ? await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, Completed(order, paymentId))
            : await app.HandleAsync<PaymentFailed>(
                OnPaymentFailed.Handle,
                new PaymentFailed(paymentId, order.Id, order.UserId, "voided", app.Clock.GetUtcNow()));

        Assert.Equal(Verdict.Applied, verdict);
        Assert.Equal(captured ? "PAID" : "CANCELLED", await app.StatusAsync(order.Id));
        Assert.Equal(
            captured
                ? ["OrderCreated.v1", "PaymentVoidDue.v1", "OrderPaid.v1", "OrderRefundDue.v1"]
                : ["OrderCreated.v1", "PaymentVoidDue.v1", "OrderCancelled.v1"],
            await app.EventsAsync(order.Id));
        if (!captured) return;

        var refunded = new RefundCompleted(
            OrderRows.DerivedRefundId(paymentId, "cancelled"), paymentId, order.Id, 1_000, Whole: true, Restock: true,
            [], app.Clock.GetUtcNow());
        Assert.Equal(Verdict.Applied, await app.HandleAsync<RefundCompleted>(OnRefundCompleted.Handle, refunded));
        Assert.Equal(
            Verdict.AlreadyApplied, await app.HandleAsync<RefundCompleted>(OnRefundCompleted.Handle, refunded));
        Assert.Equal("REFUNDED", await app.StatusAsync(order.Id));
    }

    [Fact]
    public async Task Cancelling_a_paid_order_asks_for_its_money_once_and_stops_its_shipments()
    {
        var product = app.Shop.Stock(5);
        var (order, paymentId) = await PaidAsync(product);

        Assert.Equal((202, "PAID"), await CancelAsync(order));
        Assert.Equal((202, "PAID"), await CancelAsync(order));

        var due = Assert.Single(await app.QueryAsync<string>(
            "select payload::text from outbox where key = @Id and type = 'OrderRefundDue.v1'", new { order.Id }));
        var payload = JsonDocument.Parse(due).RootElement;
        Assert.Equal(
            OrderRows.DerivedRefundId(paymentId, "cancelled"), payload.GetProperty("refundId").GetGuid());
        Assert.True(payload.GetProperty("restock").GetBoolean());
        Assert.Equal(409, (int)(await MoveAsync(order, product.Seller, "ship")).StatusCode);
    }

    [Fact]
    public async Task Shipments_are_moved_by_their_seller_alone_and_the_last_delivery_completes_the_order()
    {
        var (a, b) = (app.Shop.Stock(5), app.Shop.Stock(5));
        var (order, _) = await PaidAsync(a, b);

        Assert.Equal(409, (int)(await MoveAsync(order, a.Seller, "deliver")).StatusCode);
        using (var stranger = app.Seller(Guid.CreateVersion7()))
        {
            var path = $"/orders/{order.Id}/shipments/{Shipment.IdOf(order.Id, a.Seller)}/ship";
            Assert.Equal(404, (int)(await stranger.PostAsync(path, null)).StatusCode);
        }

        using (var buyer = app.Buyer(order.UserId))
        {
            var path = $"/orders/{order.Id}/shipments/{Shipment.IdOf(order.Id, a.Seller)}/ship";
            Assert.Equal(403, (int)(await buyer.PostAsync(path, null)).StatusCode);
        }

        foreach (var (seller, move) in new[]
        {
            (a.Seller, "ship"), (a.Seller, "ship"), (a.Seller, "deliver"), (b.Seller, "ship"), (b.Seller, "deliver"),
            (b.Seller, "deliver"),
        })
        {
            Assert.Equal(200, (int)(await MoveAsync(order, seller, move)).StatusCode);
        }

        Assert.Equal("COMPLETED", await app.StatusAsync(order.Id));
        Assert.Equal(
            [
                "OrderCreated.v1", "OrderPaid.v1", "ShipmentRequested.v1", "ShipmentRequested.v1", "OrderShipped.v1",
                "OrderDelivered.v1", "OrderShipped.v1", "OrderDelivered.v1", "OrderCompleted.v1",
            ],
            await app.EventsAsync(order.Id));
        Assert.Equal((409, null), await CancelAsync(order));
    }

    [Fact]
    public async Task What_is_on_its_way_cannot_be_cancelled()
    {
        var (a, b) = (app.Shop.Stock(5), app.Shop.Stock(5));
        var (order, _) = await PaidAsync(a, b);
        await MoveAsync(order, a.Seller, "ship");

        Assert.Equal((409, null), await CancelAsync(order));
        Assert.Equal("PAID", await app.StatusAsync(order.Id));
    }

    [Fact]
    public async Task A_whole_refund_cancels_what_has_not_left()
    {
        var (a, b) = (app.Shop.Stock(5), app.Shop.Stock(5));
        var (order, paymentId) = await PaidAsync(a, b);
        await MoveAsync(order, a.Seller, "ship");

        await app.HandleAsync<RefundCompleted>(OnRefundCompleted.Handle, new RefundCompleted(
            Guid.CreateVersion7(), paymentId, order.Id, 2_000, Whole: true, Restock: false, [], app.Clock.GetUtcNow()));

        Assert.Equal("REFUNDED", await app.StatusAsync(order.Id));
        Assert.Equal(409, (int)(await MoveAsync(order, b.Seller, "ship")).StatusCode);
        Assert.Equal(200, (int)(await MoveAsync(order, a.Seller, "deliver")).StatusCode);
        Assert.Equal("REFUNDED", await app.StatusAsync(order.Id));
    }

    public static TheoryData<string, string, bool, string> Moves => new()
    {
        { "REQUESTED", "SHIPPED", true, "Done" }, { "REQUESTED", "SHIPPED", false, "NotWanted" },
        { "REQUESTED", "DELIVERED", true, "NotShipped" }, { "REQUESTED", "DELIVERED", false, "NotShipped" },
        { "SHIPPED", "SHIPPED", true, "AlreadyDone" }, { "SHIPPED", "SHIPPED", false, "AlreadyDone" },
        { "SHIPPED", "DELIVERED", true, "Done" }, { "SHIPPED", "DELIVERED", false, "Done" },
        { "DELIVERED", "SHIPPED", true, "AlreadyDone" }, { "DELIVERED", "SHIPPED", false, "AlreadyDone" },
        { "DELIVERED", "DELIVERED", true, "AlreadyDone" }, { "DELIVERED", "DELIVERED", false, "AlreadyDone" },
        { "CANCELLED", "SHIPPED", true, "NotWanted" }, { "CANCELLED", "SHIPPED", false, "NotWanted" },
        { "CANCELLED", "DELIVERED", true, "NotWanted" }, { "CANCELLED", "DELIVERED", false, "NotWanted" },
    };

    [Theory]
    [MemberData(nameof(Moves))]
    public void Every_shipment_answers_every_move(string status, string move, bool wanted, string verdict) =>
        Assert.Equal(verdict, MoveShipment.Decide(status, move, wanted).ToString());

    private async Task<(OrderingApp.Placed Order, Guid PaymentId)> PaidAsync(params FakeShop.Product[] products)
    {
        var (order, paymentId) = await app.PlacePendingAsync(products);
        await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, Completed(order, paymentId));
        return (order, paymentId);
    }

    private PaymentCompleted Completed(OrderingApp.Placed order, Guid paymentId) =>
        new(paymentId, order.Id, order.UserId, 1_000, 1_000, 0, "KRW", app.Clock.GetUtcNow());

    private async Task<(int Status, string? Order)> CancelAsync(OrderingApp.Placed order)
    {
        using var owner = app.Buyer(order.UserId);
        var answer = await PostAsync(owner, $"/orders/{order.Id}/cancel");
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
        return ((int)answer.StatusCode, answer.IsSuccessStatusCode ? body.GetProperty("status").GetString() : null);
    }

    private async Task<HttpResponseMessage> MoveAsync(OrderingApp.Placed order, Guid sellerId, string move)
    {
        using var seller = app.Seller(sellerId);
        return await seller.PostAsync(
            $"/orders/{order.Id}/shipments/{Shipment.IdOf(order.Id, sellerId)}/{move}", null);
    }

    private static Task<HttpResponseMessage> PostAsync(HttpClient client, string path) =>
        client.PostAsJsonAsync(path, new { reason = "changed my mind" });
}
