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
    /// <summary>What must hold of all coupons at any time: offending ids, and how many rows were looked at.</summary>
    internal static readonly string[] Rules =
    [
        // Issued is what is counted, within the total, one a user.
        """
        select array_agg(c.id) filter (where c.issued > c.total_quantity or c.issued <> claims.count
                                          or claims.count <> claims.users), count(*)
          from coupons c
         cross join lateral (select count(*), count(distinct user_id) as users
                               from user_coupons where coupon_id = c.id) claims
        """,
        // A coupon that is held or used belongs to a live order, which was reduced by it.
        """
        select array_agg(u.id) filter (where o.id is null or o.coupon_id is distinct from u.coupon_id
                                          or o.user_id is distinct from u.user_id
                                          or case u.status
                                             when 'HELD' then o.status not in ('CREATED', 'PAYMENT_PENDING')
                                             else o.status not in (
                                                  'PAID', 'COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED') end), count(*)
          from user_coupons u
          left join orders o on o.id = u.order_id
         where u.status in ('HELD', 'USED')
        """,
        // A live order that was reduced has its coupon.
        """
        select array_agg(o.id) filter (where u.id is null), count(*)
          from orders o
          left join user_coupons u on u.order_id = o.id and u.coupon_id = o.coupon_id
                and u.status = case when o.status in ('CREATED', 'PAYMENT_PENDING') then 'HELD' else 'USED' end
         where o.coupon_id is not null
           and o.status in ('CREATED', 'PAYMENT_PENDING', 'PAID', 'COMPLETED', 'PARTIALLY_REFUNDED')
        """,
        // The discount of an order is that of its lines.
        """
        select array_agg(o.id) filter (where o.discount_minor <> l.discount or o.total_minor <> l.amount), count(*)
          from orders o
         cross join lateral (select sum(discount_minor) as discount, sum(amount_minor) as amount
                               from order_lines where order_id = o.id) l
         where o.status <> 'ABANDONED' and o.coupon_id is not null
        """,
    ];

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
            var sql = $"select coalesce(cardinality(r.offenders), 0) from ({Rules[i]}) as r (offenders, checked)";
            Assert.Equal(0, await ScalarAsync<int>("orderingdb", sql));
            looked[i] = await ScalarAsync<long>(
                "orderingdb", $"select r.checked from ({Rules[i]}) as r (offenders, checked)");
        }

        return looked;
    }
}
