using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Shop.Ordering;
using Shop.Ordering.Orders;

namespace Shop.Tests.Ordering;

public sealed class HoldVerdictTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(OrderStatus.Created, 60, "KEEP", 60)]
    [InlineData(OrderStatus.Created, -1, "KEEP", 5)]
    [InlineData(OrderStatus.PaymentPending, -1, "KEEP", 30)]
    [InlineData(OrderStatus.Paid, -1, "COMMIT", null)]
    [InlineData(OrderStatus.Completed, -1, "COMMIT", null)]
    [InlineData(OrderStatus.PartiallyRefunded, -1, "COMMIT", null)]
    [InlineData(OrderStatus.Refunded, -1, "COMMIT", null)]
    [InlineData(OrderStatus.Cancelled, 60, "RELEASE", null)]
    [InlineData(OrderStatus.Expired, -1, "RELEASE", null)]
    [InlineData(OrderStatus.Abandoned, -1, "RELEASE", null)]
    public void The_order_alone_decides_about_its_hold(
        OrderStatus status, int expiresInSeconds, string verdict, int? untilInSeconds)
    {
        var answer = HoldVerdicts.VerdictOn(
            Guid.Empty, status, Now.AddSeconds(expiresInSeconds), Now, new OrderingOptions());

        Assert.Equal(
            new(Guid.Empty, verdict, untilInSeconds is { } seconds ? Now.AddSeconds(seconds) : null), answer);
    }

    [Fact]
    public async Task Many_are_answered_in_their_sequence_and_unknown_ones_are_dead_for_ever()
    {
        var (created, unknown) = (await app.PlaceAsync(app.Shop.Stock(5)), Guid.CreateVersion7());
        var (pending, _) = await app.PlacePendingAsync(app.Shop.Stock(5));
        using var inside = app.Inside();
        Guid[] asked = [unknown, created.Id, pending.Id, unknown];

        var answer = await inside.PostAsJsonAsync("/internal/orders/hold-verdicts", new { orderIds = asked });

        var verdicts = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("verdicts");
        Assert.Equal(
            asked.Zip(["RELEASE", "KEEP", "KEEP", "RELEASE"]),
            verdicts.EnumerateArray().Select(
                v => (v.GetProperty("orderId").GetGuid(), v.GetProperty("verdict").GetString()!)));
        Assert.Equal("ABANDONED", await app.StatusAsync(unknown));
        Assert.Equal(404, (int)(await inside.GetAsync($"/internal/orders/{unknown}")).StatusCode);
        var seen = await inside.GetFromJsonAsync<JsonElement>($"/internal/orders/{created.Id}");
        Assert.Equal("CREATED", seen.GetProperty("status").GetString());
    }

    // Whichever insert comes first wins the id: either there is an order and its hold is kept, or there is none.
    [Fact]
    public async Task A_tombstone_against_the_orders_insert_has_one_winner()
    {
        var store = app.Services.GetRequiredService<StoreOrders>();
        using var inside = app.Inside();
        var orders = Enumerable.Range(0, 60).Select(_ => NewOrders.Of(Guid.CreateVersion7())).ToArray();

        var asking = inside.PostAsJsonAsync(
            "/internal/orders/hold-verdicts", new { orderIds = orders.Select(order => order.Id).ToArray() });
        var stored = new List<DateTimeOffset?>();
        foreach (var order in orders) stored.Add((await store.RunAsync(order, default)).At);

        var asked = await asking;
        var verdicts = (await asked.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("verdicts").EnumerateArray()
            .Select(verdict => verdict.GetProperty("verdict").GetString()).ToArray();
        Assert.Equal(stored.Select(createdAt => createdAt is null ? "RELEASE" : "KEEP"), verdicts);
    }

    [Fact]
    public async Task Too_many_at_once_are_refused()
    {
        using var inside = app.Inside();
        var orderIds = Enumerable.Range(0, HoldVerdicts.MaxOrders + 1).Select(_ => Guid.CreateVersion7()).ToArray();

        var answer = await inside.PostAsJsonAsync("/internal/orders/hold-verdicts", new { orderIds });

        Assert.Equal(400, (int)answer.StatusCode);
    }
}
