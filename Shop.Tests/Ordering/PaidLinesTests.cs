using System.Net.Http.Json;
using System.Text.Json;
using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Events;

namespace Shop.Tests.Ordering;

public sealed class PaidLinesTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    [Fact]
    public async Task Only_paid_orders_tell_their_lines_and_asking_about_others_changes_nothing()
    {
        var (a, b) = (app.Shop.Stock(5, unitPrice: 700), app.Shop.Stock(5, unitPrice: 300));
        var (order, payment) = await app.PlacePendingAsync(a, b);
        await app.HandleAsync<PaymentCompleted>(
            OnPaymentCompleted.Handle,
            new(payment, order.Id, order.UserId, 1_000, 1_000, 0, "KRW", app.Clock.GetUtcNow()));
        var (unpaid, unknown) = (await app.PlaceAsync(a), Guid.CreateVersion7());
        using var inside = app.Inside();

        var answer = await AskAsync(inside, [unpaid.Id, unknown, order.Id]);

        var paid = Assert.Single(answer.GetProperty("orders").EnumerateArray());
        Assert.Equal(
            (order.Id, order.UserId),
            (paid.GetProperty("orderId").GetGuid(), paid.GetProperty("userId").GetGuid()));
        Assert.Equal(
            [(a.Id, 1, 700), (b.Id, 1, 300)],
            paid.GetProperty("lines").EnumerateArray().Select(line => (
                line.GetProperty("productId").GetGuid(), line.GetProperty("quantity").GetInt32(),
                line.GetProperty("amount").GetInt64())));
        Assert.Empty(await app.QueryAsync<Guid>("select id from orders where id = @unknown", new { unknown }));
    }

    [Fact]
    public async Task Too_many_or_none_asked_for_is_a_problem_and_a_buyer_is_refused()
    {
        using var inside = app.Inside();
        using var buyer = app.Buyer(Guid.CreateVersion7());
        var many = Enumerable.Range(0, 201).Select(_ => Guid.CreateVersion7());

        Assert.Equal(400, await StatusAsync(inside, new { orderIds = many }));
        Assert.Equal(400, await StatusAsync(inside, new { }));
        Assert.Equal(403, await StatusAsync(buyer, new { orderIds = Array.Empty<Guid>() }));
    }

    private static async Task<int> StatusAsync(HttpClient client, object body)
    {
        using var answer = await client.PostAsJsonAsync("/internal/orders/paid-lines", body);
        return (int)answer.StatusCode;
    }

    private static async Task<JsonElement> AskAsync(HttpClient client, Guid[] orderIds)
    {
        using var answer = await client.PostAsJsonAsync("/internal/orders/paid-lines", new { orderIds });
        Assert.Equal(200, (int)answer.StatusCode);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }
}
