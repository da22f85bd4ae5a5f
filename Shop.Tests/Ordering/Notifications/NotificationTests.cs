using System.Net.Http.Json;
using System.Text.Json;
using Shop.Ordering.Notifications;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Ordering.Notifications;

public sealed class NotificationTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task The_buyer_is_told_of_each_event_of_the_order_the_newest_first()
    {
        var order = await app.PlaceAsync(app.Shop.Stock(5));
        var (paymentId, refundId, shipmentId) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await TellAsync(new OrderCreated(order.Id, order.UserId, 1_000, "KRW", Now));
        await TellAsync(new PaymentFailed(paymentId, order.Id, order.UserId, "card-declined", Now));
        await TellAsync(new OrderPaid(order.Id, order.UserId, paymentId, Now));
        await TellAsync(new OrderShipped(order.Id, shipmentId, Guid.CreateVersion7(), Now));
        await TellAsync(new OrderDelivered(order.Id, shipmentId, Guid.CreateVersion7(), Now));
        await TellAsync(new RefundCompleted(refundId, paymentId, order.Id, 400, false, false, [], Now));
        await TellAsync(new OrderCancelled(order.Id, order.UserId, "my own words", Now));
        await TellAsync(new OrderExpired(order.Id, order.UserId, Now));

        var items = (await ListAsync(order.UserId)).GetProperty("items").EnumerateArray().ToArray();

        Assert.Equal(
            ["ORDER_EXPIRED", "ORDER_CANCELLED", "REFUND_COMPLETED", "ORDER_DELIVERED", "ORDER_SHIPPED", "ORDER_PAID",
                "PAYMENT_FAILED", "ORDER_PLACED"],
            items.Select(item => item.GetProperty("type").GetString()));
        Assert.All(items, item => Assert.Equal(order.Id, item.GetProperty("orderId").GetGuid()));
        Assert.Equal(items.Length, items.Select(item => item.GetProperty("id").GetGuid()).Distinct().Count());
        Assert.Equal(
            (refundId, paymentId, 400, "KRW"),
            (items[2].GetProperty("refundId").GetGuid(), items[2].GetProperty("paymentId").GetGuid(),
                items[2].GetProperty("amount").GetInt64(), items[2].GetProperty("currency").GetString()));
        Assert.Equal(shipmentId, items[4].GetProperty("shipmentId").GetGuid());
        Assert.Equal("card-declined", items[6].GetProperty("failure").GetString());
        Assert.DoesNotContain("my own words", JsonSerializer.Serialize(items), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_event_that_comes_twice_is_told_once_and_a_stranger_hears_nothing()
    {
        var order = await app.PlaceAsync(app.Shop.Stock(5));
        var paid = new OrderPaid(order.Id, order.UserId, Guid.CreateVersion7(), Now);
        var eventId = Guid.CreateVersion7();

        Assert.Equal(Verdict.Applied, await app.DeliverAsync(NotifyBuyer.Subscribe, paid, eventId, Now));
        Assert.Equal(Verdict.AlreadyApplied, await app.DeliverAsync(NotifyBuyer.Subscribe, paid, eventId, Now));

        Assert.Equal(1, (await ListAsync(order.UserId)).GetProperty("items").GetArrayLength());
        var strangers = await ListAsync(Guid.CreateVersion7());
        Assert.Equal(0, strangers.GetProperty("items").GetArrayLength());
        Assert.Equal(JsonValueKind.Null, strangers.GetProperty("nextCursor").ValueKind);
    }

    [Fact]
    public async Task Pages_follow_each_other_without_a_gap()
    {
        var order = await app.PlaceAsync(app.Shop.Stock(5));
        for (var i = 0; i < 3; i++) await TellAsync(new OrderExpired(order.Id, order.UserId, Now));

        var first = await ListAsync(order.UserId, "?limit=2");
        var second = await ListAsync(
            order.UserId, $"?limit=2&cursor={first.GetProperty("nextCursor").GetString()}");

        Assert.Equal(
            (2, 1), (first.GetProperty("items").GetArrayLength(), second.GetProperty("items").GetArrayLength()));
        Assert.Equal(JsonValueKind.Null, second.GetProperty("nextCursor").ValueKind);
        Assert.Equal(3, first.GetProperty("items").EnumerateArray().Concat(second.GetProperty("items").EnumerateArray())
            .Select(item => item.GetProperty("id").GetGuid()).Distinct().Count());
    }

    [Fact]
    public async Task What_is_about_no_order_of_anybody_is_told_to_nobody()
    {
        var user = Guid.CreateVersion7();
        var forPoints = new PaymentFailed(Guid.CreateVersion7(), null, user, "card-declined", Now);
        var unknown = forPoints with { OrderId = Guid.CreateVersion7() };

        Assert.Equal(Verdict.AlreadyApplied, await app.DeliverAsync(NotifyBuyer.Subscribe, forPoints));
        Assert.Equal(Verdict.AlreadyApplied, await app.DeliverAsync(NotifyBuyer.Subscribe, unknown));

        Assert.Equal(0, (await ListAsync(user)).GetProperty("items").GetArrayLength());
    }

    [Theory]
    [InlineData("?limit=0", "limit", "1 to 100")]
    [InlineData("?limit=101", "limit", "1 to 100")]
    [InlineData("?cursor=nonsense", "cursor", "no cursor")]
    public async Task A_bad_page_is_refused_by_the_name_of_its_field(string query, string field, string says)
    {
        using var client = app.Buyer(Guid.CreateVersion7());

        using var answer = await client.GetAsync($"/notifications/me{query}");

        Assert.Equal(400, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Contains(
            says, problem.GetProperty("errors").GetProperty(field)[0].GetString(), StringComparison.Ordinal);
    }

    private async Task TellAsync<TEvent>(TEvent @event)
        where TEvent : IEvent => Assert.Equal(Verdict.Applied, await app.DeliverAsync(NotifyBuyer.Subscribe, @event));

    private async Task<JsonElement> ListAsync(Guid userId, string query = "")
    {
        using var client = app.Buyer(userId);
        return await client.GetFromJsonAsync<JsonElement>($"/notifications/me{query}");
    }
}
