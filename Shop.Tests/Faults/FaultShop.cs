using System.Net;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using Shop.Tests.Stock;

namespace Shop.Tests.Faults;

/// <summary>Two replicas of all, and little patience with what is half-done.</summary>
public sealed class FaultShop() : ShopApp(new ShopAppOptions
{
    Apis = 2,
    Workers = 2,
    Settings = new Dictionary<string, string>(Impatient)
    {
        // A crowd that buys while processes die is slow, not half-done: its orders are not to be given up.
        ["Orders:OneCallTtlSeconds"] = "30",
        ["Orders:RecoveryAgeSeconds"] = "20",
    },
})
{
    internal static IReadOnlyDictionary<string, string> Impatient { get; } =
        new Dictionary<string, string>(StockShop.Crowded)
        {
            ["Orders:OneCallTtlSeconds"] = "4",
            ["Orders:OneCallWaitSeconds"] = "3",
            ["Orders:RecoveryAgeSeconds"] = "3",
            ["Orders:RecoverySweepSeconds"] = "0.5",
            ["Stock:SweepSeconds"] = "0.5",
            ["Stock:SweepGraceSeconds"] = "0.2",
            ["Stock:SweepClaimSeconds"] = "2",
            ["Stock:AskAgainSeconds"] = "1",
            ["Payments:RequestedAgeSeconds"] = "3",
            ["Payments:LeaseSeconds"] = "6",
            ["Payments:AskPauseSeconds"] = "0.5",
            ["Payments:RefundPauseSeconds"] = "0.5",
            ["Payments:SweepSeconds"] = "0.5",
            ["Sandbox:TimeoutSeconds"] = "2",
            ["Sandbox:Attempts"] = "1", // What fails at the processor is the sweeps' from its first time on.
            ["Http:BreakerSeconds"] = "1",
        };
}

[CollectionDefinition(Name)]
public sealed class FaultShopCollection : ICollectionFixture<FaultShop>
{
    public const string Name = "faults";
}

/// <summary>Many purchases while something breaks, and how they must end.</summary>
internal static class Crowd
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>One unit for each buyer, bought in one call; the outcome may come late but is never no.</summary>
    public static async Task<(ShopUser Buyer, Guid Order)[]> BuyAllAsync(
        this IEnumerable<ShopUser> buyers, Guid product, string card = "tok_ok") =>
        await Task.WhenAll(buyers.Select(async buyer =>
        {
            var answer = await buyer.PlaceAsync(product, 1, card);
            Assert.True(answer.Status is HttpStatusCode.Created or HttpStatusCode.Accepted, answer.ToString());
            return (buyer, answer.Id);
        }));

    public static async Task AllBecomeAsync(
        this ShopApp shop, IReadOnlyCollection<(ShopUser Buyer, Guid Order)> bought, string status)
    {
        var orders = bought.Select(item => item.Order).ToArray();
        await Eventually.GetAsync(
            () => shop.ScalarAsync<long>(
                "orderingdb", "select count(*) from orders where id = any ($1) and status = $2", orders, status),
            count => count == orders.Length, Patience, $"{orders.Length} orders are {status}");
    }

    /// <summary>Each order has one payment that captured, once, and its states as they follow each other.</summary>
    public static async Task AssertPaidOnceAsync(
        this ShopApp shop, IReadOnlyCollection<(ShopUser Buyer, Guid Order)> bought)
    {
        foreach (var (_, order) in bought)
        {
            var payments = await shop.ScalarAsync<Guid[]>(
                "paymentsdb",
                "select coalesce(array_agg(id), '{}') from payments where order_id = $1 and status = 'COMPLETED'",
                order);
            Assert.Equal(1, await shop.CapturesAsync(Assert.Single(payments)));
            var states = await shop.ScalarAsync<string>(
                "orderingdb",
                "select string_agg(status, ' ' order by version) from order_transitions where order_id = $1", order);
            Assert.Equal("PAYMENT_PENDING PAID", states);
        }
    }
}
