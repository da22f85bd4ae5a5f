using System.Net;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using Shop.Tests.ServiceDefaults.Messaging;

namespace Shop.Tests.Stock;

/// <summary>
/// Two replicas of each API and two workers, for the tests of stock that need no short times. Catalog and Ordering
/// reach their databases through proxies, which pass on everything until a test tells them to lose a COMMIT.
/// </summary>
public sealed class StockShop() : ShopApp(new ShopAppOptions { Apis = 2, Workers = 2, Settings = Crowded }),
    IAsyncLifetime
{
    private readonly Dictionary<string, Task<CommitLosingProxy>> _proxies = [];

    /// <summary>Hundreds of buyers sign in and buy at once on a small machine: cheap password hashes.</summary>
    internal static IReadOnlyDictionary<string, string> Crowded { get; } = new Dictionary<string, string>
    {
        ["Identity:PasswordIterations"] = "1000",
    };

    async Task IAsyncLifetime.DisposeAsync()
    {
        try
        {
            await DisposeAsync();
        }
        finally
        {
            // After the services, which need them to the end.
            foreach (var proxy in _proxies.Values) await (await proxy).DisposeAsync();
        }
    }

    /// <summary>What stands between both replicas of a service and their database.</summary>
    internal Task<CommitLosingProxy> ProxyOfAsync(string database)
    {
        lock (_proxies)
        {
            if (!_proxies.TryGetValue(database, out var proxy)) _proxies[database] = proxy = StartProxyAsync(database);
            return proxy;
        }
    }

    protected override void Configure(IDistributedApplicationTestingBuilder builder)
    {
        foreach (var service in (string[])["catalog", "ordering"])
        {
            var database = $"{service}db";
            // Asked at each start of a process; by then the server has its port.
            builder.Resources.Single(resource => resource.Name == service).Annotations.Add(
                new EnvironmentCallbackAnnotation(async context =>
                    context.EnvironmentVariables[$"ConnectionStrings__{database}"] =
                        (await ProxyOfAsync(database)).ConnectionString));
        }
    }

    private async Task<CommitLosingProxy> StartProxyAsync(string database) =>
        new(await ConnectionStringAsync(database));
}

[CollectionDefinition(Name)]
public sealed class StockShopCollection : ICollectionFixture<StockShop>
{
    public const string Name = "stock";
}

/// <summary>What Catalog's books say about one product, read in one statement.</summary>
/// <param name="Held">Units of live holds, by their lines; <c>Reserved</c> is Catalog's own sum of them.</param>
internal sealed record Shelf(long OnHand, long Reserved, long Received, long Sold, long Restocked, long Held);

/// <summary>Products made for one test, and their books.</summary>
internal static class Shelves
{
    private const int SignUpsAtOnce = 8;

    private const string ShelfSql = """
        select array[
                   s.on_hand, s.reserved,
                   coalesce(sum(m.quantity) filter (where m.kind = 'RECEIVED'), 0),
                   coalesce(-sum(m.quantity) filter (where m.kind = 'SOLD'), 0),
                   coalesce(sum(m.quantity) filter (where m.kind = 'RESTOCKED'), 0),
                   (select coalesce(sum(l.quantity - l.given_back), 0)
                      from reservation_lines l
                      join reservations r on r.order_id = l.order_id and r.status = 'HELD'
                     where l.product_id = s.product_id)]::bigint[]
          from stock s
          left join stock_movements m on m.product_id = s.product_id
         where s.product_id = $1
         group by s.product_id
        """;

    public static Task<ShopUser> SellerAsync(this ShopApp shop, int number = 1) =>
        shop.SampleUserAsync($"seller{number}@shop.example");

    /// <summary>A new product of this seller with that many units received.</summary>
    public static async Task<Guid> NewProductAsync(
        this ShopUser seller, long units, string status = "ON_SALE", long unitPrice = 1_000)
    {
        var created = await seller.Catalog.PostAsync(
            "/products",
            new { name = $"Test {Guid.CreateVersion7()}", description = "", category = "tests", unitPrice, status });
        Assert.Equal(HttpStatusCode.Created, created.Status);
        var received = await seller.Catalog.PostAsync(
            $"/products/{created.Id}/stock", new { quantity = units, reason = "delivery" });
        Assert.Equal(HttpStatusCode.OK, received.Status);
        Assert.Equal(units, received.Number("onHand"));
        return created.Id;
    }

    /// <summary>The body of a <c>POST /orders</c>.</summary>
    public static object OrderOf(string? card, params (Guid Product, long Quantity)[] lines) => new
    {
        lines = lines.Select(line => new { productId = line.Product, quantity = line.Quantity }),
        payment = card is null ? null : new { method = "CARD", cardToken = card },
    };

    public static async Task<ShopUser[]> NewBuyersAsync(this ShopApp shop, int count)
    {
        var buyers = new ShopUser[count];
        await Parallel.ForAsync(
            0, count, new ParallelOptions { MaxDegreeOfParallelism = SignUpsAtOnce },
            async (i, _) => buyers[i] = await shop.NewBuyerAsync());
        return buyers;
    }

    public static async Task<Shelf> ShelfAsync(this ShopApp shop, Guid product)
    {
        var figures = await shop.ScalarAsync<long[]>("catalogdb", ShelfSql, product);
        return new(figures[0], figures[1], figures[2], figures[3], figures[4], figures[5]);
    }

    /// <summary>Waits for the workers: they sell and give back by events.</summary>
    public static Task ShelfBecomesAsync(this ShopApp shop, Guid product, Shelf expected) =>
        Eventually.GetAsync(
            () => shop.ShelfAsync(product), shelf => shelf == expected,
            TimeSpan.FromSeconds(60), $"the books of {product} are {expected}");
}
