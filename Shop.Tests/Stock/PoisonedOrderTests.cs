using System.Net;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;
using static Shop.Tests.Stock.Shelves;

namespace Shop.Tests.Stock;

/// <summary>
/// Orders that arrive together share transactions. One that the database refuses, and one that there is too little
/// stock for, are answered alone.
/// </summary>
[Collection(StockShopCollection.Name)]
public sealed class PoisonedOrderTests(StockShop shop)
{
    private const int Crowd = 50;
    private const int Poisoned = 20;
    private const int Short = 35;
    private const long Units = 1_000;

    private const string OrdersSql = """
        select count(*)
          from orders o join order_lines l on l.order_id = o.id
         where o.id = any($1) and o.status = 'CREATED' and l.product_id = $2 and l.quantity = 2
        """;

    private const string HoldsSql = """
        select count(*)
          from reservations r join reservation_lines l on l.order_id = r.order_id
         where r.order_id = any($1) and r.status = 'HELD' and l.product_id = $2 and l.quantity = 2
        """;

    private const string LiveHoldsSql = """
        select count(distinct r.order_id)
          from reservations r join reservation_lines l on l.order_id = r.order_id
         where r.status in ('HELD', 'COMMITTED') and l.product_id = any($1)
        """;

    [Theory]
    // Its key is good for another try: nothing was decided.
    [InlineData("catalogdb", "reservation_lines", HttpStatusCode.ServiceUnavailable, "service-unavailable", true)]
    // Its insert was sent, so a tombstone has ended the attempt before its stock went back.
    [InlineData("orderingdb", "order_lines", HttpStatusCode.Conflict, "attempt-abandoned", false)]
    public async Task Among_50_orders_at_once_a_poisoned_and_a_short_one_change_nobody_elses_verdict(
        string database, string table, HttpStatusCode status, string problem, bool mayTryAgain)
    {
        var seller = await shop.SellerAsync();
        var plenty = await seller.NewProductAsync(Units);
        var (poison, scarce) = (await seller.NewProductAsync(units: 9), await seller.NewProductAsync(units: 1));
        var clients = Array.ConvertAll(await shop.NewBuyersAsync(Crowd), buyer => buyer.Ordering);
        var keys = Array.ConvertAll(clients, _ => NewKey());
        // Connections first: the orders are to meet, not the handshakes.
        await Task.WhenAll(clients.Select(client => client.AskAsync("/orders/me")));

        var answers = await shop.RefusingAsync(
            database, $"insert on {table}", $"new.product_id = '{poison}'", () => AtOnceAsync(i => PlaceAsync(i)));

        Assert.Equal((status, problem), (answers[Poisoned].Status, answers[Poisoned].Problem));
        Assert.Equal(
            (HttpStatusCode.Conflict, "out-of-stock", scarce),
            (answers[Short].Status, answers[Short].Problem, answers[Short].Body.GetProperty("productId").GetGuid()));
        var placed = answers.Where((_, i) => i is not (Poisoned or Short)).ToArray();
        Assert.All(placed, answer => Assert.True(answer.Status == HttpStatusCode.Created, answer.ToString()));
        var ids = placed.Select(answer => answer.Id).ToArray();
        Assert.Equal(Crowd - 2, ids.Distinct().Count());
        await AssertOnlyTheseAsync(ids);
        Assert.Equal(0, await shop.OrdersOfAsync(keys[Poisoned]));
        Assert.Equal(0, await shop.OrdersOfAsync(keys[Short]));

        // Under the same key, now that nothing is wrong with it any more.
        var again = await PlaceAsync(Poisoned);
        if (mayTryAgain)
        {
            Assert.Equal(HttpStatusCode.Created, again.Status);
            Assert.Equal(new Shelf(9, 1, 9, 0, 0, 1), await shop.ShelfAsync(poison));
            await AssertOnlyTheseAsync([.. ids, again.Id]);
        }
        else
        {
            Assert.Equal((status, problem), (again.Status, again.Problem));
            await AssertOnlyTheseAsync(ids);
        }

        Task<Answer> PlaceAsync(int i) => clients[i].PostAsync(
            "/orders",
            i switch
            {
                Poisoned => OrderOf(card: null, (plenty, 2), (poison, 1)),
                Short => OrderOf(card: null, (plenty, 2), (scarce, 2)),
                _ => OrderOf(card: null, (plenty, 2)),
            },
            keys[i]);

        // Each of them has its order and its hold, and nobody else has either.
        async Task AssertOnlyTheseAsync(Guid[] orders)
        {
            Assert.Equal(orders.Length, await shop.ScalarAsync<long>("orderingdb", OrdersSql, orders, plenty));
            Assert.Equal(orders.Length, await shop.ScalarAsync<long>("catalogdb", HoldsSql, orders, plenty));
            Assert.Equal(orders.Length, await shop.ScalarAsync<long>(
                "orderingdb", "select count(*) from order_lines where product_id = $1", plenty));
            Assert.Equal(orders.Length, await shop.ScalarAsync<long>(
                "catalogdb", LiveHoldsSql, new[] { plenty, poison, scarce }));
            var held = 2 * orders.Length;
            Assert.Equal(new Shelf(Units, held, Units, 0, 0, held), await shop.ShelfAsync(plenty));
            Assert.Equal(new Shelf(1, 0, 1, 0, 0, 0), await shop.ShelfAsync(scarce));
        }
    }

    private static async Task<Answer[]> AtOnceAsync(Func<int, Task<Answer>> place)
    {
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var racing = Enumerable.Range(0, Crowd).Select(async i =>
        {
            await start.Task;
            return await place(i);
        }).ToArray();
        start.SetResult();
        return await Task.WhenAll(racing);
    }
}
