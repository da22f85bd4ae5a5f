using System.Net;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;
using static Shop.Tests.Stock.Shelves;

namespace Shop.Tests.Stock;

/// <summary>One Idempotency-Key comes with two requests at once, at replicas that know nothing of each other.</summary>
[Collection(StockShopCollection.Name)]
public sealed class OneKeyTwoBodiesTests(StockShop shop)
{
    private const int Rounds = 10;
    private const long Units = 1_000;

    private const string OrdersSql = """
        select count(*)
          from unnest($1::uuid[], $2::text[]) as told (id, key)
          join orders o on o.id = told.id and o.idempotency_key = 'POST /orders:' || told.key
         where o.status = 'CREATED'
        """;

    private const string UsersSql = "select array_agg(distinct user_id) from orders where id = any($1)";

    private const string OrdersOfUsersSql = "select count(*) from orders where user_id = any($1)";

    private const string HoldsOfUsersSql = """
        select coalesce(array_agg(order_id), '{}') from reservations where user_id = any($1) and status = 'HELD'
        """;

    [Fact]
    public async Task One_is_the_order_and_the_other_is_refused_and_holds_nothing()
    {
        var seller = await shop.SellerAsync();
        var (a, b) = (await seller.NewProductAsync(Units), await seller.NewProductAsync(Units));
        var buyers = await shop.NewBuyersAsync(8);

        var told = (await Task.WhenAll(buyers.Select(async buyer =>
        {
            // A client of its own for each, so that no connection makes one of the two wait.
            var (one, other) = (buyer.Ordering, buyer.Ordering);
            var mine = new List<Told>();
            for (var i = 0; i < Rounds; i++) mine.Add(await RaceAsync(one, other, i, a, b));
            return mine;
        }))).SelectMany(one => one).ToArray();

        var ids = Array.ConvertAll(told, one => one.Order);
        Assert.Equal(told.Length, ids.Distinct().Count());
        Assert.Equal(told.Length, await shop.ScalarAsync<long>(
            "orderingdb", OrdersSql, ids, Array.ConvertAll(told, one => one.Key)));
        var users = await shop.ScalarAsync<Guid[]>("orderingdb", UsersSql, ids);
        Assert.Equal(told.Length, await shop.ScalarAsync<long>("orderingdb", OrdersOfUsersSql, users));
        // What the refused ones had held is back, or goes back to the shelf in a moment.
        var (ofA, ofB) = (told.Count(one => one.IsA), 2 * told.Count(one => !one.IsA));
        await shop.ShelfBecomesAsync(a, new Shelf(Units, ofA, Units, 0, 0, ofA));
        await shop.ShelfBecomesAsync(b, new Shelf(Units, ofB, Units, 0, 0, ofB));
        Assert.Equal(ids.Order(), (await shop.ScalarAsync<Guid[]>("catalogdb", HoldsOfUsersSql, users)).Order());
    }

    /// <summary>One unit of A against two of B; who is sent first changes from round to round.</summary>
    private static async Task<Told> RaceAsync(HttpClient one, HttpClient other, int round, Guid a, Guid b)
    {
        var key = NewKey();
        var (bodyA, bodyB) = (OrderOf(card: null, (a, 1)), OrderOf(card: null, (b, 2)));
        var isAFirst = round % 2 == 0;
        var answers = await Task.WhenAll(
            one.PostAsync("/orders", isAFirst ? bodyA : bodyB, key),
            other.PostAsync("/orders", isAFirst ? bodyB : bodyA, key));

        var placed = Assert.Single(answers, answer => answer.Status == HttpStatusCode.Created);
        var refused = Assert.Single(answers, answer => answer != placed);
        Assert.Equal(
            (HttpStatusCode.UnprocessableEntity, "idempotency-key-reused"), (refused.Status, refused.Problem));
        var line = Assert.Single(placed.Body.GetProperty("lines").EnumerateArray());
        var isA = line.GetProperty("productId").GetGuid() == a;
        Assert.Equal(isA ? 1 : 2, line.GetProperty("quantity").GetInt64());

        // Each of them hears the same for ever.
        var again = await one.PostAsync("/orders", isA ? bodyA : bodyB, key);
        Assert.Equal((HttpStatusCode.Created, placed.Id, true), (again.Status, again.Id, again.Replayed));
        var late = await other.PostAsync("/orders", isA ? bodyB : bodyA, key);
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "idempotency-key-reused"), (late.Status, late.Problem));
        return new(placed.Id, key, isA);
    }

    private sealed record Told(Guid Order, string Key, bool IsA);
}
