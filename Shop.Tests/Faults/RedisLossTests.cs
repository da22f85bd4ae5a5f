using System.Net;
using Aspire.Hosting.ApplicationModel;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using Shop.Tests.Stock;

namespace Shop.Tests.Faults;

/// <summary>Redis is away, empty, killed, or back with an older state: it only carries.</summary>
[Collection(FaultShopCollection.Name)]
public sealed class RedisLossTests(FaultShop shop)
{
    private const int Buyers = 8;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private const string CompletedSql =
        "select count(*) from payments where order_id = any ($1) and status = 'COMPLETED'";

    // Their turn comes by itself after the shop's recovery age: a test need not wait for it.
    private const string RecoverNowSql = """
        with due as (
            update orders set recover_at = now() where id = any ($1) and status = 'PAYMENT_PENDING' returning id)
        select count(*) from due
        """;

    private const string EndHoldsSql = """
        with moved as (
            update reservations set expires_at = now() + $2, ask_again_at = now() + $2
             where order_id = any ($1) and status = 'HELD'
            returning order_id)
        select count(*) from moved
        """;

    private const string HoldsSql = "select count(*) from reservations where order_id = any ($1) and status = $2";

    [Fact]
    public async Task Stopped_longer_than_the_time_limit_of_orders_no_paid_unit_is_sold_again()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: Buyers);
        var buyers = await shop.NewBuyersAsync(Buyers);
        var late = await shop.NewBuyerAsync();

        // The first of them is the last that Redis carried.
        var first = await buyers.Take(1).BuyAllAsync(product);
        await shop.HoldBecomesAsync(first[0].Order, "COMMITTED");
        await shop.CommandAsync(shop.RedisResource(), KnownResourceCommands.StopCommand);
        var without = await buyers.Skip(1).BuyAllAsync(product);
        var orders = Array.ConvertAll(without, item => item.Order);

        // The danger: all are paid, by the sweeps alone, and Catalog has not heard of it. Their time ends after that
        // is seen, however long it takes to get there.
        Assert.Equal(orders.Length, await EndHoldsInAsync(TimeSpan.FromHours(1)));
        await BecomesAsync("paymentsdb", CompletedSql, orders);
        await shop.ScalarAsync<long>("orderingdb", RecoverNowSql, orders);
        await shop.AllBecomeAsync(without, "PAID");
        Assert.Equal(orders.Length, await shop.ScalarAsync<long>("catalogdb", HoldsSql, orders, "HELD"));
        await IsSoldOutAsync();

        // Overdue all of them, and then asked about by Catalog's sweep, still without Redis.
        Assert.Equal(orders.Length, await EndHoldsInAsync(TimeSpan.Zero));
        await IsSoldOutAsync();
        await BecomesAsync("catalogdb", HoldsSql, orders, "COMMITTED");
        await IsSoldOutAsync();

        await StartRedisAsync();
        var bought = first.Concat(without).ToArray();
        await shop.AllBecomeAsync(bought, "PAID");
        await shop.ShelfBecomesAsync(product, new Shelf(0, 0, Buyers, Buyers, 0, 0));
        await shop.AssertPaidOnceAsync(bought);
        await IsSoldOutAsync();

        Task<long> EndHoldsInAsync(TimeSpan time) => shop.ScalarAsync<long>("catalogdb", EndHoldsSql, orders, time);

        Task<long> BecomesAsync(string database, string sql, params object[] parameters) => Eventually.GetAsync(
            () => shop.ScalarAsync<long>(database, sql, parameters), count => count == orders.Length, Patience, sql);

        async Task IsSoldOutAsync()
        {
            var refused = await late.PlaceAsync(product, 1, "tok_ok");
            Assert.Equal((HttpStatusCode.Conflict, "out-of-stock"), (refused.Status, refused.Problem));
        }
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Emptied_and_killed_under_load_every_order_is_paid_once()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 100);
        var buyers = await shop.NewBuyersAsync(Buyers * 3);

        var buying = buyers.Take(Buyers).BuyAllAsync(product);
        await shop.FlushRedisAsync();
        var bought = (await buying).ToList();

        buying = buyers.Skip(Buyers).Take(Buyers).BuyAllAsync(product);
        await KillRedisAsync();
        bought.AddRange(await buying);
        await StartRedisAsync();
        bought.AddRange(await buyers.Skip(2 * Buyers).BuyAllAsync(product));

        await shop.AllBecomeAsync(bought, "PAID");
        await shop.ShelfBecomesAsync(product, new Shelf(100 - bought.Count, 0, 100, bought.Count, 0, 0));
        await shop.AssertPaidOnceAsync(bought);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Back_with_an_older_copy_of_its_file_nothing_is_lost_and_nothing_done_twice()
    {
        var data = Path.Combine(shop.DataFolder, "redis");
        if (!Directory.Exists(data)) return; // A container keeps its data elsewhere.

        var product = await (await shop.SellerAsync()).NewProductAsync(units: 100);
        var buyers = await shop.NewBuyersAsync(Buyers * 2);
        var before = await buyers.Take(Buyers).BuyAllAsync(product);
        await shop.CommandAsync(shop.RedisResource(), KnownResourceCommands.StopCommand);
        var copy = Path.Combine(shop.DataFolder, "redis-older");
        Copy(data, copy);
        await StartRedisAsync();
        var after = await buyers.Skip(Buyers).BuyAllAsync(product);

        await KillRedisAsync();
        Directory.Delete(data, recursive: true);
        Directory.Move(copy, data);
        await StartRedisAsync();

        var bought = before.Concat(after).ToArray();
        await shop.AllBecomeAsync(bought, "PAID");
        await shop.ShelfBecomesAsync(product, new Shelf(100 - bought.Length, 0, 100, bought.Length, 0, 0));
        await shop.AssertPaidOnceAsync(bought);
    }

    private async Task KillRedisAsync()
    {
        var redis = Assert.Single(await shop.InstancesAsync(shop.RedisResource()));
        await Processes.SignalAsync(redis.ProcessId!.Value, "KILL");
        await shop.InstanceBecomesAsync(shop.RedisResource(), redis.Id, "Exited");
    }

    private async Task StartRedisAsync()
    {
        var redis = Assert.Single(await shop.InstancesAsync(shop.RedisResource()));
        await shop.CommandInstanceAsync(redis.Id, KnownResourceCommands.StartCommand);
        await shop.InstanceBecomesAsync(shop.RedisResource(), redis.Id, "Running");
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
