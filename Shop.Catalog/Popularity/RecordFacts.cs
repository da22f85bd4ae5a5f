using Shop.ServiceDefaults.Data;

namespace Shop.Catalog.Popularity;

/// <summary>
/// The one way into the sums: facts of orders, in any sequence and any number of times, with the change that they make
/// in the same transaction. Facts of an order that is not counted yet wait for it.
/// </summary>
internal static class RecordFacts
{
    // Shared by all that count, exclusive for a rebuild; taken first, so that nobody waits for it with a row locked.
    internal const string LockSharedSql = "select pg_advisory_xact_lock_shared(74, 1)";

    private const string LockOrdersSql = """
        select order_id, day
          from popularity_orders
         where order_id = any(@Orders)
         order by order_id
           for no key update
        """;

    private const string KnownSql = """
        select order_id, product_id, source_id, quantity, amount
          from popularity_facts
         where order_id = any(@Orders)
        """;

    private const string InsertSql = """
        insert into popularity_facts (order_id, product_id, source_id, quantity, amount)
        select order_id, product_id, source_id, quantity, amount
          from unnest(@Orders, @Products, @Sources, @Quantities, @Amounts)
               as f (order_id, product_id, source_id, quantity, amount)
         order by order_id, product_id, source_id
            on conflict do nothing
        returning order_id, product_id, source_id, quantity, amount
        """;

    private const string CountedSql = """
        update popularity_orders
           set counted_at = @Now, ask_at = null, day = (paid_at at time zone @TimeZone)::date
         where order_id = any(@Orders) and paid_at is not null and counted_at is null
        returning order_id, day
        """;

    private const string DaysSql = """
        insert into popularity_days as d (day, product_id, quantity, amount)
        select day, product_id, quantity, amount
          from unnest(@Days, @Products, @Quantities, @Amounts) as c (day, product_id, quantity, amount)
         order by day, product_id
            on conflict (day, product_id) do update
           set quantity = d.quantity + excluded.quantity, amount = d.amount + excluded.amount
        """;

    private const string PairsSql = """
        insert into popularity_pairs as p (product_id, other_id, orders)
        select product_id, other_id, orders
          from unnest(@Products, @Others, @Orders) as c (product_id, other_id, orders)
         order by product_id, other_id
            on conflict (product_id, other_id) do update set orders = p.orders + excluded.orders
        """;

    /// <summary>Adds the facts that are new and counts the orders that are named.</summary>
    /// <param name="counted">Paid orders whose sale is among the facts. Those counted before stay as they are.</param>
    /// <returns>How many facts were new.</returns>
    public static async Task<int> InAsync(
        Transaction<CatalogDb> tx, IReadOnlyCollection<Fact> facts, IReadOnlyCollection<Guid> counted,
        string timeZone)
    {
        await tx.ExecuteAsync(LockSharedSql);
        var orders = facts.Select(f => f.OrderId).Concat(counted).Distinct().ToArray();
        var locked = await tx.QueryAsync<OrderRow>(LockOrdersSql, new { Orders = orders });
        var days = locked.Where(o => o.Day is not null).ToDictionary(o => o.OrderId, o => o.Day!.Value);
        // After the locks, so that it sees what they waited for.
        var known = await tx.QueryAsync<Fact>(KnownSql, new { Orders = orders });

        var tally = new Tally();
        foreach (var order in OrdersOf(days, known)) tally.TakeBack(order);

        var added = await InsertAsync(tx, facts);
        var newly = await tx.QueryAsync<OrderRow>(
            CountedSql, new { Orders = counted.ToArray(), tx.Now, TimeZone = timeZone });
        foreach (var order in newly) days[order.OrderId] = order.Day!.Value;

        foreach (var order in OrdersOf(days, known.Concat(added))) tally.Add(order);
        await WriteAsync(tx, tally);
        return added.Count;
    }

    private static IEnumerable<OrderFacts> OrdersOf(
        Dictionary<Guid, DateOnly> days, IEnumerable<Fact> facts) =>
        from fact in facts
        where days.ContainsKey(fact.OrderId)
        group fact by fact.OrderId into order
        select new OrderFacts(days[order.Key], [.. order]);

    private static async Task<IReadOnlyList<Fact>> InsertAsync(
        Transaction<CatalogDb> tx, IReadOnlyCollection<Fact> facts) =>
        facts.Count == 0
            ? []
            : await tx.QueryAsync<Fact>(InsertSql, new
            {
                Orders = facts.Select(f => f.OrderId).ToArray(),
                Products = facts.Select(f => f.ProductId).ToArray(),
                Sources = facts.Select(f => f.SourceId).ToArray(),
                Quantities = facts.Select(f => f.Quantity).ToArray(),
                Amounts = facts.Select(f => f.Amount).ToArray(),
            });

    private static async Task WriteAsync(Transaction<CatalogDb> tx, Tally tally)
    {
        var days = tally.Days();
        if (days.Count > 0)
        {
            await tx.ExecuteAsync(DaysSql, new
            {
                Days = days.Select(d => d.Day).ToArray(),
                Products = days.Select(d => d.ProductId).ToArray(),
                Quantities = days.Select(d => d.Quantity).ToArray(),
                Amounts = days.Select(d => d.Amount).ToArray(),
            });
        }

        var pairs = tally.Pairs();
        if (pairs.Count > 0)
        {
            await tx.ExecuteAsync(PairsSql, new
            {
                Products = pairs.Select(p => p.ProductId).ToArray(),
                Others = pairs.Select(p => p.OtherId).ToArray(),
                Orders = pairs.Select(p => p.Orders).ToArray(),
            });
        }
    }

    private sealed class OrderRow
    {
        public Guid OrderId { get; init; }

        public DateOnly? Day { get; init; }
    }
}
