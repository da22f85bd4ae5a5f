using System.Net;
using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;
using static Shop.Tests.Stock.Shelves;

namespace Shop.Tests.Stock;

/// <summary>Orders that name the same products in opposite order, placed, paid and cancelled side by side.</summary>
[Collection(StockShopCollection.Name)]
public sealed class CrossedOrdersTests(StockShop shop)
{
    private const string DeadlocksSql = "select deadlocks from pg_stat_database where datname = current_database()";

    [Fact]
    public async Task Orders_over_A_B_and_B_A_never_deadlock_and_are_201_or_a_true_409()
    {
        const int units = 400;
        const int ordersEach = 8;
        var seller = await shop.SellerAsync();
        var (a, b) = (await seller.NewProductAsync(units), await seller.NewProductAsync(units));
        var buyers = await shop.NewBuyersAsync(64);
        var before = await DeadlocksAsync();
        var loggedBefore = await DeadlocksInTheLogAsync();

        var all = await Task.WhenAll(buyers.Select((buyer, number) => BuyAsync(buyer, number, ordersEach, a, b)));

        var bought = all.SelectMany(one => one).Where(one => one.Answer.Status == HttpStatusCode.Created).ToArray();
        foreach (var product in (Guid[])[a, b])
        {
            var sold = bought.Where(one => one.IsPaid).Sum(one => one.UnitsOf(product));
            var held = bought.Where(one => !one.IsPaid && !one.IsCancelled).Sum(one => one.UnitsOf(product));
            Assert.True(sold > 0 && held > 0, $"{sold} sold, {held} held");
            await shop.ShelfBecomesAsync(product, new Shelf(units - sold, held, units, sold, 0, held));
        }

        // The server's log shows a deadlock of our own making, so it would have shown another one before it.
        await ProvokeDeadlockAsync();
        var logged = await Eventually.GetAsync(
            DeadlocksInTheLogAsync, count => count > loggedBefore, what: "the provoked deadlock is in the log");
        Assert.Equal(loggedBefore + 1, logged);
        Assert.Equal(before, await DeadlocksAsync());
    }

    /// <summary>Every order over both products, in turn A,B and B,A; some are paid, some cancelled at once.</summary>
    private static async Task<List<Bought>> BuyAsync(ShopUser buyer, int number, int orders, Guid a, Guid b)
    {
        var client = buyer.Ordering;
        var bought = new List<Bought>();
        for (var i = number; i < number + orders; i++)
        {
            (Guid Product, long Quantity)[] lines = [(a, 1 + (i % 3)), (b, 1 + (i % 2))];
            if (i % 2 == 0) Array.Reverse(lines);
            var answer = await client.PostAsync(
                "/orders", OrderOf(i % 4 == 0 ? "tok_ok" : null, lines), NewKey());
            var isCreated = answer.Status == HttpStatusCode.Created;
            if (!isCreated) AssertTrueRefusal(answer, lines);

            var isCancelled = isCreated && i % 4 == 1;
            if (isCancelled)
            {
                var cancelled = await client.PostAsync($"/orders/{answer.Id}/cancel", new { reason = "no more" });
                Assert.Equal(HttpStatusCode.OK, cancelled.Status);
            }

            bought.Add(new(answer, lines, isCancelled));
        }

        return bought;
    }

    /// <summary>It names one of the products, and of that there was less than was asked for.</summary>
    private static void AssertTrueRefusal(Answer answer, (Guid Product, long Quantity)[] lines)
    {
        Assert.True(answer.Status == HttpStatusCode.Conflict, answer.ToString());
        Assert.Equal("out-of-stock", answer.Problem);
        var shortLine = Assert.Single(lines, line => line.Product == answer.Body.GetProperty("productId").GetGuid());
        Assert.InRange(answer.Number("remainingStock"), 0, shortLine.Quantity - 1);
    }

    private async Task<(long Catalog, long Ordering)> DeadlocksAsync() => (
        await shop.ScalarAsync<long>("catalogdb", DeadlocksSql),
        await shop.ScalarAsync<long>("orderingdb", DeadlocksSql));

    private async Task<int> DeadlocksInTheLogAsync()
    {
        var states = shop.App.Services.GetRequiredService<ResourceNotificationService>();
        var loggers = shop.App.Services.GetRequiredService<ResourceLoggerService>();
        var server = shop.App.Services.GetRequiredService<DistributedApplicationModel>().Resources
            .Select(resource => resource.Name).Contains("postgres-process") ? "postgres-process" : "postgres";
        Assert.True(states.TryGetCurrentState(server, out var state));
        var count = 0;
        await foreach (var lines in loggers.GetAllAsync(state.ResourceId))
        {
            count += lines.Count(line => line.Content.Contains("deadlock detected", StringComparison.Ordinal));
        }

        return count;
    }

    // In a database that no order touches, so that its counter stays out of the comparison.
    private async Task ProvokeDeadlockAsync()
    {
        await using var one = await BeginAsync();
        await using var two = await BeginAsync();
        await LockAsync(one, 1);
        await LockAsync(two, 2);

        var crossed = await Task.WhenAll(TryLockAsync(one, 2), TryLockAsync(two, 1));

        Assert.Single(crossed, code => code == PostgresErrorCodes.DeadlockDetected);
    }

    private async Task<NpgsqlConnection> BeginAsync()
    {
        var database = await shop.ConnectionStringAsync("identitydb");
        var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(database) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var begin = new NpgsqlCommand("begin", connection);
        await begin.ExecuteNonQueryAsync();
        return connection;
    }

    private static async Task LockAsync(NpgsqlConnection connection, int number)
    {
        await using var command = new NpgsqlCommand($"select pg_advisory_xact_lock(7777, {number})", connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Null, or the code of the refusal; the victim's locks are free then.</summary>
    private static async Task<string?> TryLockAsync(NpgsqlConnection connection, int number)
    {
        try
        {
            await LockAsync(connection, number);
            return null;
        }
        catch (PostgresException e)
        {
            await using var rollback = new NpgsqlCommand("rollback", connection);
            await rollback.ExecuteNonQueryAsync();
            return e.SqlState;
        }
    }

    private sealed record Bought(Answer Answer, (Guid Product, long Quantity)[] Lines, bool IsCancelled)
    {
        public bool IsPaid => Answer.Text("status") == "PAID";

        public long UnitsOf(Guid product) => Lines.Where(line => line.Product == product).Sum(line => line.Quantity);
    }
}
