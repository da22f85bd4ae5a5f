using System.Globalization;
using Aspire.Hosting.ApplicationModel;
using Shop.Tests.Fixtures;
using Shop.Tests.Stock;

namespace Shop.Tests.Faults;

/// <summary>Workers die or stand still while orders come in.</summary>
[Collection(FaultShopCollection.Name)]
public sealed class WorkerLossTests(FaultShop shop)
{
    private const string HolderSql = "select holder from leases where name = 'relay'";

    [Fact]
    public Task Killed_at_random_under_load_they_lose_nothing_and_do_nothing_twice() => KillUnderLoadAsync(3, 40);

    [Fact]
    [Trait("Category", "Long")]
    public Task Killed_20_times_under_200_orders_they_lose_nothing_and_do_nothing_twice() =>
        KillUnderLoadAsync(20, 200);

    [Fact]
    public async Task A_paused_holder_of_leases_is_taken_over_and_changes_nothing_when_it_wakes()
    {
        const int each = 8;
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 100);
        var buyers = await shop.NewBuyersAsync(each * 3);
        var bought = (await buyers.Take(each).BuyAllAsync(product)).ToList();
        var paused = await HolderAsync();

        await Processes.SignalAsync(paused, "STOP");
        try
        {
            var buying = buyers.Skip(each).Take(each).BuyAllAsync(product);
            await Eventually.GetAsync(
                HolderAsync, holder => holder != paused, TimeSpan.FromSeconds(30), "another holds the lease");
            bought.AddRange(await buying);
            await shop.AllBecomeAsync(bought, "PAID");
        }
        finally
        {
            await Processes.SignalAsync(paused, "CONT");
        }

        bought.AddRange(await buyers.Skip(2 * each).BuyAllAsync(product));
        await shop.AllBecomeAsync(bought, "PAID");
        await shop.ShelfBecomesAsync(product, new Shelf(100 - bought.Count, 0, 100, bought.Count, 0, 0));
        await shop.AssertPaidOnceAsync(bought);
    }

    private async Task KillUnderLoadAsync(int kills, int orders)
    {
        const int atOnce = 8;
        var product = await (await shop.SellerAsync()).NewProductAsync(units: orders);
        var buyers = await shop.NewBuyersAsync(atOnce);
        var seed = Random.Shared.Next();
        var random = new Random(seed);

        var buying = Task.WhenAll(buyers.Select(async buyer =>
        {
            var mine = new List<(ShopUser, Guid)>();
            for (var i = 0; i < orders / atOnce; i++) mine.AddRange(await new[] { buyer }.BuyAllAsync(product));
            return mine;
        }));
        for (var i = 0; i < kills; i++)
        {
            var workers = await shop.InstancesAsync("workers");
            var victim = workers[random.Next(workers.Length)];
            await shop.CommandInstanceAsync(victim.Id, Instances.Kill);
            await shop.InstanceBecomesAsync("workers", victim.Id, "Exited");
            await shop.CommandInstanceAsync(victim.Id, KnownResourceCommands.StartCommand);
            await shop.InstanceBecomesAsync("workers", victim.Id, "Running");
        }

        var bought = (await buying).SelectMany(mine => mine).ToArray();
        Assert.True(bought.Length == orders, $"{bought.Length} orders; seed {seed}");
        await shop.AllBecomeAsync(bought, "PAID");
        await shop.ShelfBecomesAsync(product, new Shelf(0, 0, orders, orders, 0, 0));
        await shop.AssertPaidOnceAsync(bought);
    }

    /// <summary>The process that carries Ordering's events: its id is in the name of the lease's holder.</summary>
    private async Task<int> HolderAsync() => int.Parse(
        (await shop.ScalarAsync<string>("orderingdb", HolderSql)).Split('-')[^2], CultureInfo.InvariantCulture);
}
