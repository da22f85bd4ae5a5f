using Shop.Catalog.Popularity;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Catalog.Popularity;

/// <summary>Sums that agree with the orders, whatever comes twice, late or in reverse.</summary>
public sealed class CountingTests(CatalogFixture shop) : IClassFixture<CatalogFixture>
{
    private const int Seed = 20_261_125;
    private static readonly TimeSpan Seoul = TimeSpan.FromHours(9);

    [Fact]
    public Task After_200_purchases_and_refunds_counted_is_rebuilt_is_recomputed() => CompareAsync(200);

    [Fact]
    [Trait("Category", "Long")]
    public Task After_1000_purchases_and_refunds_counted_is_rebuilt_is_recomputed() => CompareAsync(1_000);

    [Fact]
    public async Task Told_twice_and_in_reverse_an_order_counts_once()
    {
        var market = new Market(shop);
        var (a, b) = (await shop.ProductAsync(units: 10), await shop.ProductAsync(units: 10));
        var order = market.Order(Guid.CreateVersion7(), TimeProvider.System.GetUtcNow(), (a, 3, 3_000), (b, 1, 500));

        Assert.Equal(Verdict.Applied, await market.RefundAsync(order, (a, 1, 1_000), (b, 1, 500)));
        Assert.Equal(Verdict.AlreadyApplied, await market.RefundedAsync(order, 0));
        Assert.Empty(await DaysAsync(a, b));
        Assert.Equal(Verdict.Applied, await market.PaidAsync(order));
        Assert.Equal(Verdict.AlreadyApplied, await market.PaidAsync(order));
        await market.CountAsync();
        await market.CountAsync();
        Assert.Equal(Verdict.AlreadyApplied, await market.PaidAsync(order));
        Assert.Equal(Verdict.AlreadyApplied, await market.RefundedAsync(order, 0));

        Assert.Equal([(a, 2, 2_000)], (await DaysAsync(a, b)).Select(d => (d.Product, d.Quantity, d.Amount)));
        Assert.Empty(await PairsAsync(a, b));
        Assert.Equal(new(0, 0, 0), await market.RebuildAsync());
    }

    [Fact]
    public async Task A_refund_of_a_whole_line_takes_its_pairs_back_and_money_alone_does_not()
    {
        var market = new Market(shop);
        var (a, b) = (await shop.ProductAsync(units: 10), await shop.ProductAsync(units: 10));
        var order = await market.BuyAsync(Guid.CreateVersion7(), (a, 2, 2_000), (b, 1, 500));

        await market.RefundAsync(order, (a, 0, 700));
        Assert.Equal([(a, b, 1), (b, a, 1)], await PairsAsync(a, b));
        Assert.Equal(
            [(a, 2, 1_300), (b, 1, 500)], (await DaysAsync(a, b)).Select(d => (d.Product, d.Quantity, d.Amount)));

        await market.RefundAsync(order, (a, 2, 1_300));
        Assert.Empty(await PairsAsync(a, b));
        Assert.Equal(new(0, 0, 0), await market.RebuildAsync());
    }

    [Fact]
    public async Task A_day_begins_at_midnight_of_the_business_time_zone()
    {
        var market = new Market(shop);
        var product = await shop.ProductAsync(units: 10);
        var midnight = new DateTimeOffset(2026, 11, 2, 0, 0, 0, Seoul);

        foreach (var paidAt in new[] { midnight.AddTicks(-10), midnight })
        {
            await market.PaidAsync(market.Order(Guid.CreateVersion7(), paidAt, (product, 1, 100)));
        }

        await market.CountAsync();
        Assert.Equal(
            [(new DateOnly(2026, 11, 1), 1), (new DateOnly(2026, 11, 2), 1)],
            (await DaysAsync(product)).Select(d => (d.Day, d.Quantity)));
    }

    [Fact]
    public async Task While_ordering_is_away_a_paid_order_waits_and_is_counted_later()
    {
        var market = new Market(shop) { Away = () => new HttpRequestException("away") };
        var product = await shop.ProductAsync(units: 10);
        var order = market.Order(Guid.CreateVersion7(), TimeProvider.System.GetUtcNow(), (product, 4, 400));
        await market.PaidAsync(order);

        await Assert.ThrowsAsync<HttpRequestException>(market.CountAsync);
        Assert.Empty(await DaysAsync(product));

        market.Away = null;
        await shop.ExecuteAsync(
            "update popularity_orders set ask_at = now() where order_id = @Id and counted_at is null",
            new { order.Id });
        await market.CountAsync();
        Assert.Equal([4], (await DaysAsync(product)).Select(d => d.Quantity));
    }

    [Fact]
    public async Task Facts_are_final()
    {
        var market = new Market(shop);
        var order = await market.BuyAsync(Guid.CreateVersion7(), (await shop.ProductAsync(units: 1), 1, 100));

        foreach (var sql in new[] { "update popularity_facts set amount = 1", "delete from popularity_facts" })
        {
            await Assert.ThrowsAsync<Npgsql.PostgresException>(
                () => shop.ExecuteAsync(sql + " where order_id = @Id", new { order.Id }));
        }
    }

    /// <summary>
    /// Random orders and refunds, told in a random sequence, a third of them twice, while four replicas count.
    /// </summary>
    private async Task CompareAsync(int count)
    {
        var random = new Random(Seed);
        var market = new Market(shop);
        var products = new Guid[25];
        for (var i = 0; i < products.Length; i++) products[i] = await shop.ProductAsync(units: 1);
        var told = Enumerable.Range(0, count).SelectMany(_ => RandomPurchase(market, random, products)).ToList();
        told.AddRange(told.Where(_ => random.Next(3) == 0).ToArray());
        var sequence = told.ToArray();
        random.Shuffle(sequence);

        await Task.WhenAll(sequence.Chunk((sequence.Length / 4) + 1).Select(async part =>
        {
            foreach (var (tell, i) in part.Select((tell, i) => (tell, i)))
            {
                await tell();
                if (i % 25 == 0) await market.CountAsync();
            }
        }));
        await market.CountAsync();

        var expectedDays = ExpectedDays(market, products);
        var expectedPairs = ExpectedPairs(market, products);
        Assert.NotEmpty(expectedPairs);
        Assert.Contains(market.Orders, order => order.Refunds.Count > 0);
        Assert.Equal(expectedDays, await DaysAsync(products));
        Assert.Equal(expectedPairs, await PairsAsync(products));
        Assert.Equal(new(0, 0, 0), await market.RebuildAsync());
        await BreakAsync(products);
        Assert.NotEqual(expectedDays, await DaysAsync(products));

        var corrected = await market.RebuildAsync();

        Assert.True(corrected is { Days: > 0, Pairs: > 0 }, corrected.ToString());
        Assert.Equal(expectedDays, await DaysAsync(products));
        Assert.Equal(expectedPairs, await PairsAsync(products));
        Assert.Equal(new(0, 0, 0), await market.RebuildAsync());
    }

    private static IEnumerable<Func<Task>> RandomPurchase(Market market, Random random, Guid[] products)
    {
        (Guid Product, int Quantity, long Amount)[] lines =
        [
            .. random.GetItems(products, random.Next(1, 30)).Distinct()
                .Select(product => (product, random.Next(1, 5), random.NextInt64(0, 50_000))),
        ];
        var paidAt = TimeProvider.System.GetUtcNow().AddMinutes(-random.Next(40 * 24 * 60));
        var order = market.Order(Guid.CreateVersion7(), paidAt, lines);
        yield return () => market.PaidAsync(order);

        for (var refund = random.Next(3); refund > 0; refund--)
        {
            var back = lines.Where(_ => random.Next(2) == 0)
                .Select(line => (line.Product, Units: random.Next((int)order.Left(line.Product) + 1)))
                .Select(b => new Shop.ServiceDefaults.Events.RefundedLine(
                    b.Product, b.Units, order.Left(b.Product) == b.Units
                        ? order.Paid(b.Product)
                        : random.NextInt64(order.Paid(b.Product) + 1)))
                .ToArray();
            order.Refunds.Add((Guid.CreateVersion7(), back));
            var index = order.Refunds.Count - 1;
            yield return () => market.RefundedAsync(order, index);
        }
    }

    private static List<(DateOnly Day, Guid Product, long Quantity, long Amount)> ExpectedDays(
        Market market, Guid[] products) =>
    [
        .. from order in market.Orders
           from line in order.Lines
           where products.Contains(line.ProductId)
           let paidOn = DateOnly.FromDateTime(order.PaidAt.ToOffset(Seoul).DateTime)
           group (order, line) by (paidOn, line.ProductId) into day
           let quantity = day.Sum(d => d.order.Left(d.line.ProductId))
           let amount = day.Sum(d => d.order.Paid(d.line.ProductId))
           where (quantity, amount) != (0, 0)
           orderby day.Key
           select (day.Key.paidOn, day.Key.ProductId, quantity, amount),
    ];

    private static List<(Guid Product, Guid Other, long Orders)> ExpectedPairs(Market market, Guid[] products)
    {
        var kept =
            from order in market.Orders
            select order.Lines.Select(line => line.ProductId).Order().Take(OrderFacts.MaxPaired)
                .Where(product => order.Left(product) > 0).ToArray();
        return
        [
            .. from order in kept
               from a in order
               from b in order
               where a != b && products.Contains(a)
               group (a, b) by (a, b) into pair
               orderby pair.Key
               select (pair.Key.a, pair.Key.b, (long)pair.Count()),
        ];
    }

    private Task BreakAsync(Guid[] products) => shop.ExecuteAsync(
        """
        update popularity_days set quantity = quantity + 1 where product_id = @First;
        delete from popularity_days where product_id = @Second;
        update popularity_pairs set orders = orders + 1 where product_id = @First;
        insert into popularity_days values ('2020-01-01', @First, 7, 7);
        """,
        new { First = products[0], Second = products[1] });

    private async Task<IReadOnlyList<(DateOnly Day, Guid Product, long Quantity, long Amount)>> DaysAsync(
        params Guid[] products) => await shop.QueryAsync<(DateOnly, Guid, long, long)>(
        """
        select day, product_id, quantity, amount
          from popularity_days
         where product_id = any(@products) and (quantity, amount) <> (0, 0)
         order by day, product_id
        """,
        new { products });

    private async Task<IReadOnlyList<(Guid Product, Guid Other, long Orders)>> PairsAsync(params Guid[] products) =>
        await shop.QueryAsync<(Guid, Guid, long)>(
            """
            select product_id, other_id, orders
              from popularity_pairs
             where product_id = any(@products) and orders <> 0
             order by product_id, other_id
            """,
            new { products });
}
