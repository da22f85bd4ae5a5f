using System.Diagnostics;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Shop.Catalog;
using Shop.Catalog.Caching;
using Shop.Catalog.Products;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Messaging;
using Shop.Tests.Catalog.Caching;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Catalog.Products;

/// <summary>What buyers read comes from Redis, is true when it matters, and comes without Redis too.</summary>
public sealed class ProductCacheTests(CatalogFixture shop) : IClassFixture<CatalogFixture>
{
    private const string SetPriceSql = "update products set unit_price = @price where id = @product";

    // Entries that would live for ever, were it not for what the tests do.
    private static readonly Dictionary<string, string?> Patient = new()
    {
        ["Cache:ProductMilliseconds"] = "600000", ["Cache:TimeoutMilliseconds"] = "5000",
    };

    [Fact]
    public async Task Buyers_read_the_cache_until_the_products_own_event_is_handled_and_its_seller_reads_the_truth()
    {
        var (first, second) = (await ReplicaAsync(Patient), await ReplicaAsync(Patient));
        var product = await shop.ProductAsync(units: 1, unitPrice: 100);
        using var seller = shop.SellerClient(CatalogFixture.Seller1);
        await BeginGenerationAsync(first);
        Assert.Equal((100, 100), await PricesAsync(first, product));

        // Behind the back of the code: no event, nobody is told.
        await shop.ExecuteAsync(
            "update products set unit_price = 200, version = version + 1 where id = @product", new { product });

        Assert.Equal((100, 100), await PricesAsync(second, product));
        Assert.Equal(200, (await ReadAsync(seller, product)).UnitPrice);

        await HandleUpdatedAsync(first, product);

        Assert.Equal((200, 200), await PricesAsync(second, product));
        Assert.Equal((200, 200), await PricesAsync(first, product));
    }

    [Fact]
    public async Task After_a_change_no_buyer_sees_the_old_price_on_any_replica()
    {
        var (first, second) = (await ReplicaAsync(Patient), await ReplicaAsync(Patient));
        var product = await shop.ProductAsync(units: 1, unitPrice: 100);
        using var seller = shop.SellerClient(CatalogFixture.Seller1);
        await Eventually.HoldsAsync(async () => (await Link(0)) is not null);

        for (var price = 101; price <= 110; price++)
        {
            await Task.WhenAll(PricesAsync(first, product), PricesAsync(second, product));
            using var request = new HttpRequestMessage(HttpMethod.Patch, $"/products/{product}")
            {
                Content = JsonContent.Create(new { unitPrice = price }),
            };
            request.Headers.TryAddWithoutValidation("If-Match", "*");
            using var changed = await seller.SendAsync(request);
            changed.EnsureSuccessStatusCode();

            Assert.Equal((price, price), await PricesAsync(first, product));
            Assert.Equal((price, price), await PricesAsync(second, product));
        }

        Task<object?> Link(int replica) =>
            Task.FromResult<object?>(shop.ServicesOf(replica).GetRequiredService<RedisLinkService>().Database);
    }

    [Fact]
    public async Task A_late_writer_cannot_bring_an_old_entry_back()
    {
        var replica = await ReplicaAsync(Patient);
        var cache = shop.ServicesOf(replica).GetRequiredService<ProductCache>();
        var (reading, changed) = (new TaskCompletionSource(), new TaskCompletionSource());

        var late = cache.GetAsync<string[]>(
            "late",
            async (_, _) =>
            {
                reading.SetResult();
                await changed.Task;
                return ["old"];
            },
            CancellationToken.None);
        await reading.Task;
        await cache.BeginGenerationAsync();
        changed.SetResult();
        Assert.Equal("old", Assert.Single((await late)!));

        var next = await cache.GetAsync<string[]>("late", (_, _) => Task.FromResult<string[]?>(["new"]), default);
        Assert.Equal("new", Assert.Single(next!));
    }

    [Fact]
    public async Task A_thousand_readers_at_once_cost_one_read()
    {
        var replica = await ReplicaAsync(Patient);
        var cache = shop.ServicesOf(replica).GetRequiredService<ProductCache>();
        var reads = 0;
        var open = new TaskCompletionSource();
        using var gone = new CancellationTokenSource();

        var staying = Enumerable.Range(0, 1_000).Select(_ => AskAsync(CancellationToken.None)).ToArray();
        var leaving = Enumerable.Range(0, 1_000).Select(_ => AskAsync(gone.Token)).ToArray();
        await Eventually.HoldsAsync(() => Task.FromResult(Volatile.Read(ref reads) > 0));

        // Nobody leaves before joining a read, so at the end of this a thousand have, and the first is still open.
        await gone.CancelAsync();
        foreach (var reader in leaving) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reader);
        Assert.Equal(1, reads);

        open.SetResult();
        Assert.All(await Task.WhenAll(staying), answer => Assert.Equal("read", Assert.Single(answer!)));

        Task<string[]?> AskAsync(CancellationToken leave) => cache.GetAsync<string[]>(
            "rush",
            async (_, ct) =>
            {
                Interlocked.Increment(ref reads);
                await open.Task.WaitAsync(ct);
                return ["read"];
            },
            leave);
    }

    [Fact]
    public async Task A_stock_figure_is_never_older_than_two_seconds()
    {
        var product = await shop.ProductAsync(units: 1_000);
        using var buyer = shop.Buyer();
        for (var sold = 1; sold <= 3; sold++)
        {
            await ReadAsync(buyer, product);
            // As an order does it: nobody is told.
            await shop.ExecuteAsync(
                "update stock set reserved = @sold where product_id = @product", new { sold, product });
            var changed = Stopwatch.GetTimestamp();

            await Eventually.HoldsAsync(async () =>
            {
                var asked = Stopwatch.GetElapsedTime(changed);
                var available = (await ReadAsync(buyer, product)).Available;
                Assert.True(available == 1_000 - sold || asked < TimeSpan.FromSeconds(2), $"{available} after {asked}");
                return available == 1_000 - sold;
            });
        }
    }

    [Fact]
    public async Task A_redis_that_hangs_is_asked_once_and_then_left_alone_until_it_is_back()
    {
        await using var redis = new FreezableRedis(shop.Redis);
        var replica = await ReplicaAsync(new Dictionary<string, string?>
        {
            ["ConnectionStrings:cache"] = redis.ConnectionString,
            ["Cache:BreakMilliseconds"] = "600000",
            ["Cache:TimeoutMilliseconds"] = "2000",
        });
        var product = await shop.ProductAsync(units: 1, unitPrice: 100);
        Assert.Equal((100, 100), await PricesAsync(replica, product));

        redis.Freeze();
        var started = Stopwatch.GetTimestamp();
        for (var price = 101; price <= 130; price++)
        {
            await shop.ExecuteAsync(SetPriceSql, new { price, product });
            Assert.Equal((price, price), await PricesAsync(replica, product));
        }

        // Each of the sixty reads would have waited for its limit of 2 s.
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(60));
    }

    [Theory]
    [InlineData("127.0.0.1:1,connectTimeout=200,abortConnect=false")]
    [InlineData("127.0.0.1:1,connectTimeout=200,abortConnect=true")]
    [InlineData(null)]
    public async Task Without_redis_the_service_starts_and_answers_the_truth(string? connectionString)
    {
        var replica = await shop.AddReplicaAsync(
            new Dictionary<string, string?> { ["ConnectionStrings:cache"] = connectionString });
        var product = await shop.ProductAsync(units: 1, unitPrice: 100);
        using var client = shop.Client(replica, token: null);

        for (var price = 101; price <= 103; price++)
        {
            await shop.ExecuteAsync(SetPriceSql, new { price, product });
            Assert.Equal((price, price), await PricesAsync(replica, product));
        }

        using var health = await client.GetAsync("/health");
        Assert.True(health.IsSuccessStatusCode);
    }

    /// <summary>A replica that is connected to its Redis.</summary>
    private async Task<int> ReplicaAsync(IReadOnlyDictionary<string, string?> settings)
    {
        var replica = await shop.AddReplicaAsync(settings);
        var link = shop.ServicesOf(replica).GetRequiredService<RedisLinkService>();
        await Eventually.HoldsAsync(() => Task.FromResult(link.Database is not null), what: "Redis is connected");
        return replica;
    }

    private Task BeginGenerationAsync(int replica) =>
        shop.ServicesOf(replica).GetRequiredService<ProductCache>().BeginGenerationAsync();

    // As the consumer does it: the work after the commit follows the commit.
    private async Task HandleUpdatedAsync(int replica, Guid product)
    {
        var services = shop.ServicesOf(replica);
        var work = await shop.Db.TransactAsync(
            async tx =>
            {
                var envelope = new Envelope(
                    Guid.CreateVersion7(), tx.Now, "product-events", "test", product, 2, tx.Now, null, null);
                var context = new HandlerContext<CatalogDb>(tx, envelope, services, CancellationToken.None);
                Assert.Equal(Verdict.Applied, await OnProductChanged.Updated(new(product, tx.Now), context));
                return context.AfterCommitWork;
            },
            CancellationToken.None);
        foreach (var item in work) await item(CancellationToken.None);
    }

    /// <summary>The product's price by its address, and in a list.</summary>
    private async Task<(long One, long Listed)> PricesAsync(int replica, Guid product)
    {
        using var client = shop.Client(replica, token: null);
        var list = await client.GetFromJsonAsync<ListProducts.Response>(
            $"/products?category=tests&limit=1&sort=newest", ShopJson.Options);
        return ((await ReadAsync(client, product)).UnitPrice, Assert.Single(list!.Items).UnitPrice);
    }

    private static async Task<ProductView> ReadAsync(HttpClient client, Guid product) =>
        (await client.GetFromJsonAsync<ProductView>($"/products/{product}", ShopJson.Options))!;
}
