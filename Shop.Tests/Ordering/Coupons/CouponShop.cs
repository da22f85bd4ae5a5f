using Shop.Ordering.Proof;
using Shop.ServiceDefaults.Proof;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using Shop.Tests.Stock;

namespace Shop.Tests.Ordering.Coupons;

/// <summary>The whole shop with two replicas of each API and two workers, and a crowd that signed in once.</summary>
public sealed class CouponShop() : ShopApp(new ShopAppOptions
{
    Apis = 2,
    Workers = 2,
    Settings = new Dictionary<string, string>(StockShop.Crowded) { ["Coupons:ExpirySweepSeconds"] = "0.5" },
})
{
    /// <summary>What must hold of all coupons at any time, and of the orders that they reduce.</summary>
    private static readonly SqlRule[] Rules =
        [.. CouponRules.All, OrderRules.All.Single(rule => rule.Name == "an-orders-total-is-the-sum-of-its-lines")];

    private readonly SemaphoreSlim _signingIn = new(1, 1);
    private HttpClient[] _crowd = [];

    internal async Task<HttpClient[]> CrowdAsync(int count)
    {
        await _signingIn.WaitAsync();
        try
        {
            if (_crowd.Length == 0)
            {
                _crowd = Array.ConvertAll(await this.NewBuyersAsync(count), buyer => buyer.Ordering);
            }

            return _crowd;
        }
        finally
        {
            _signingIn.Release();
        }
    }

    internal async Task<Guid> NewCouponAsync(int total, object discount)
    {
        var admin = await SampleUserAsync("admin@shop.example");
        var created = await admin.Ordering.PostAsync(
            "/coupons", new { code = CouponDesk.NewCode(), discount, totalQuantity = total });
        Assert.True((int)created.Status == 201, created.ToString());
        return created.Id;
    }

    /// <summary>No rule is offended; the answer is how many rows each looked at.</summary>
    internal async Task<long[]> AssertRulesHoldAsync()
    {
        var looked = new long[Rules.Length];
        for (var i = 0; i < Rules.Length; i++)
        {
            var (sql, name) = ($"({Rules[i].Sql}) as checked", Rules[i].Name);
            var offending = await ScalarAsync<long>(
                "orderingdb", $"select count(*) filter (where offends) from {sql}");
            Assert.True(offending == 0, name);
            looked[i] = await ScalarAsync<long>("orderingdb", $"select count(*) from {sql}");
        }

        return looked;
    }
}
