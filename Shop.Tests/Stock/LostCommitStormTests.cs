using System.Net;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using Shop.Tests.ServiceDefaults.Messaging;
using static Shop.Tests.Purchase.Buying;
using static Shop.Tests.Stock.Shelves;

namespace Shop.Tests.Stock;

/// <summary>
/// Connections between the services and their databases are lost at COMMIT, half of them after it was kept: nobody
/// knows, and everybody gets the true answer.
/// </summary>
[Collection(StockShopCollection.Name)]
public sealed class LostCommitStormTests(StockShop shop)
{
    private const int Losses = 10;
    private const long Units = 100_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private const string OrdersSql = """
        select count(*)
          from unnest($1::uuid[], $2::text[], $3::bigint[]) as told (id, key, quantity)
          join orders o on o.id = told.id and o.idempotency_key = 'POST /orders:' || told.key
          join order_lines l on l.order_id = o.id and l.quantity = told.quantity
         where o.status in ('CREATED', 'PAID')
        """;

    private const string HoldsSql = """
        select count(*)
          from unnest($1::uuid[], $2::bigint[]) as told (id, quantity)
          join reservations r on r.order_id = told.id and r.status in ('HELD', 'COMMITTED')
          join reservation_lines l on l.order_id = r.order_id and l.quantity = told.quantity
        """;

    private const string AllOrdersSql = """
        select coalesce(array_agg(o.id), '{}')
          from orders o join order_lines l on l.order_id = o.id
         where l.product_id = $1
        """;

    // Whoever has no order was perhaps not given back at once: its time is over, and the sweep asks.
    private const string EndStraysSql = """
        with strays as (
            update reservations r set expires_at = now(), ask_again_at = now()
              from reservation_lines l
             where l.order_id = r.order_id and l.product_id = $1 and r.status = 'HELD' and r.order_id <> all ($2)
            returning r.order_id)
        select count(*) from strays
        """;

    private const string LiveHoldsSql = """
        select count(*)
          from reservations r join reservation_lines l on l.order_id = r.order_id
         where l.product_id = $1 and r.status in ('HELD', 'COMMITTED')
        """;

    [Fact]
    public async Task Every_caller_gets_the_true_answer_and_no_order_is_without_its_stock()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(Units);
        var buyers = await shop.NewBuyersAsync(16);
        var proxies = await Task.WhenAll(shop.ProxyOfAsync("catalogdb"), shop.ProxyOfAsync("orderingdb"));

        // All buy as long as there is something to lose.
        var losing = Task.WhenAll(proxies.Select(LoseAsync));
        var told = (await Task.WhenAll(buyers.Select((buyer, number) =>
            BuyUntilAsync(losing, buyer, product, number)))).SelectMany(one => one).ToArray();
        await losing;

        var ids = Array.ConvertAll(told, one => one.Order);
        var quantities = Array.ConvertAll(told, one => one.Quantity);
        Assert.Equal(told.Length, ids.Distinct().Count());
        Assert.Equal(told.Length, await shop.ScalarAsync<long>(
            "orderingdb", OrdersSql, ids, Array.ConvertAll(told, one => one.Key), quantities));
        Assert.Equal(told.Length, await shop.ScalarAsync<long>("catalogdb", HoldsSql, ids, quantities));

        // No order that nobody was told of, and after the sweep no hold either.
        Assert.Equal(ids.Order(), (await shop.ScalarAsync<Guid[]>("orderingdb", AllOrdersSql, product)).Order());
        await shop.ScalarAsync<long>("catalogdb", EndStraysSql, product, ids);
        await Eventually.GetAsync(
            () => shop.ScalarAsync<long>("catalogdb", LiveHoldsSql, product), count => count == told.Length,
            Patience, $"{told.Length} holds are left");
        var (paid, held) = (SumOf(isPaid: true), SumOf(isPaid: false));
        await shop.ShelfBecomesAsync(product, new Shelf(Units - paid, held, Units, paid, 0, held));

        long SumOf(bool isPaid) => told.Where(one => one.IsPaid == isPaid).Sum(one => one.Quantity);
    }

    /// <summary>One after the other, in turn after and before the server has heard of it.</summary>
    private static async Task LoseAsync(CommitLosingProxy proxy)
    {
        for (var i = 0; i < Losses; i++)
        {
            var lost = proxy.Lost;
            if (i % 2 == 0) proxy.LoseNextCommit();
            else proxy.CutBeforeNextCommit();
            await Eventually.GetAsync(
                () => Task.FromResult(proxy.Lost), now => now > lost, Patience, "a COMMIT is lost");
        }
    }

    private static async Task<List<Told>> BuyUntilAsync(Task losing, ShopUser buyer, Guid product, int number)
    {
        var client = buyer.Ordering;
        var told = new List<Told>();
        for (var i = number; !losing.IsCompleted; i++)
        {
            told.Add(await BuyAsync(client, product, quantity: 1 + (i % 3), inOneCall: i % 4 == 0));
        }

        return told;
    }

    /// <summary>
    /// As a client does it: the same key again after a 503, and a new one when the attempt is said to have come to
    /// nothing. No other answer is a true one here.
    /// </summary>
    private static async Task<Told> BuyAsync(HttpClient client, Guid product, long quantity, bool inOneCall)
    {
        var body = OrderOf(inOneCall ? "tok_ok" : null, (product, quantity));
        var key = NewKey();
        var created = await Eventually.GetAsync(
            async () =>
            {
                var answer = await client.PostAsync("/orders", body, key);
                var isAbandoned = answer is { Status: HttpStatusCode.Conflict, Problem: "attempt-abandoned" };
                if (isAbandoned) key = NewKey();
                Assert.True(
                    isAbandoned || answer.Status is HttpStatusCode.Created or HttpStatusCode.ServiceUnavailable,
                    answer.ToString());
                return answer;
            },
            answer => answer.Status == HttpStatusCode.Created, Patience, "an order is placed");
        Assert.Equal(inOneCall ? "PAID" : "CREATED", created.Text("status"));
        return new(created.Id, key, quantity, inOneCall);
    }

    /// <summary>What a buyer was told with a 201.</summary>
    private sealed record Told(Guid Order, string Key, long Quantity, bool IsPaid);
}
