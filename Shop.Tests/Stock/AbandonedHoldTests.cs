using System.Net;
using Aspire.Hosting.ApplicationModel;
using Npgsql;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Stock;

/// <summary>Each process of Ordering dies the first time it has a hold in its hands and no order yet.</summary>
public sealed class CrashingShop() : ShopApp(new ShopAppOptions
{
    Apis = 2,
    Workers = 2,
    Settings = new Dictionary<string, string>(StockShop.Crowded)
    {
        ["SHOP_CRASH_POINT"] = "ReserveStock:after-reserve",
        ["Orders:TtlSeconds"] = "2",
        ["Stock:SweepSeconds"] = "0.5",
        ["Stock:SweepGraceSeconds"] = "0.2",
        ["Stock:SweepClaimSeconds"] = "1",
        ["Http:BreakerSeconds"] = "1",
    },
});

public sealed class AbandonedHoldTests(CrashingShop shop) : IClassFixture<CrashingShop>
{
    private const int Replicas = 2;

    private const string LateInsertSql = """
        insert into orders (id, status, created_at, updated_at) values ($1, 'ABANDONED', now(), now()) returning id
        """;

    [Fact]
    public async Task A_hold_whose_order_was_never_stored_is_given_back_and_its_key_is_refused()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 10);
        var buyers = await shop.NewBuyersAsync(Replicas);
        var keys = Array.ConvertAll(buyers, _ => NewKey());

        // One after the other, since each is to meet a process that is still alive.
        for (var i = 0; i < Replicas; i++)
        {
            await DieHoldingAsync(buyers[i], product, keys[i], holds: i + 1);
        }

        // The first hold may be back already, by the process that was still alive; of the last one nobody can ask.
        await WaitUntilAllAreDeadAsync();
        Assert.Equal(0, await shop.ScalarAsync<long>(
            "orderingdb", "select count(*) from orders where status <> 'ABANDONED'"));
        var held = await shop.ScalarAsync<Guid[]>(
            "catalogdb", "select array_agg(order_id order by created_at) from reservations");
        Assert.Equal(Replicas, held.Length);
        Assert.Equal("HELD", await shop.HoldAsync(held[^1]));

        await shop.CommandAsync("ordering", KnownResourceCommands.StartCommand);
        await shop.WaitUntilHealthyAsync("ordering");

        await shop.ShelfBecomesAsync(product, new Shelf(10, 0, 10, 0, 0, 0));
        Assert.All(await Task.WhenAll(held.Select(shop.HoldAsync)), hold => Assert.Equal("EXPIRED", hold));
        for (var i = 0; i < Replicas; i++)
        {
            var late = await buyers[i].PlaceAsync(product, 2, key: keys[i]);
            Assert.Equal((HttpStatusCode.Conflict, "attempt-abandoned"), (late.Status, late.Problem));
        }

        Assert.Equal(new Shelf(10, 0, 10, 0, 0, 0), await shop.ShelfAsync(product));
        await AssertLateInsertsLoseAsync(held);
    }

    /// <summary>Until one more process has died with a hold: a connection may first meet one that is dead.</summary>
    private Task DieHoldingAsync(ShopUser buyer, Guid product, string key, long holds) => Eventually.HoldsAsync(
        async () =>
        {
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => buyer.PlaceAsync(product, 2, key: key));
            return await shop.ScalarAsync<long>("catalogdb", "select count(*) from reservations") == holds;
        },
        what: $"{holds} holds without orders");

    /// <summary>What a process would still send that had only been slow, not dead: the row is taken.</summary>
    private async Task AssertLateInsertsLoseAsync(Guid[] orders)
    {
        foreach (var order in orders)
        {
            Assert.Equal("ABANDONED", await shop.ScalarAsync<string>(
                "orderingdb", "select status from orders where id = $1", order));
            var refused = await Assert.ThrowsAsync<PostgresException>(
                () => shop.ScalarAsync<Guid>("orderingdb", LateInsertSql, order));
            Assert.Equal(PostgresErrorCodes.UniqueViolation, refused.SqlState);
        }
    }

    private async Task WaitUntilAllAreDeadAsync()
    {
        using var control = shop.Control();
        await Eventually.GetAsync(
            () => control.GetStringAsync("/resources"),
            rows => rows.Split('\n').Count(row =>
                row.StartsWith("ordering-", StringComparison.Ordinal)
                && row.Contains(" Exited ", StringComparison.Ordinal)) == Replicas,
            what: "both processes of ordering have died");
    }
}
