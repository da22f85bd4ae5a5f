using Shop.ServiceDefaults.Data;

namespace Shop.Catalog.Popularity;

/// <summary>
/// Asks Ordering for the lines of paid orders and counts them. Any number of replicas may run it: a claim moves an
/// order's next question away, so no lock is held while asking.
/// </summary>
internal static class CountOrders
{
    private const string ClaimSql = """
        update popularity_orders
           set ask_at = @ClaimedUntil
         where order_id in (
               select order_id
                 from popularity_orders
                where ask_at <= @Now
                order by ask_at
                limit @Batch
                  for update skip locked)
        returning order_id
        """;

    /// <summary>One batch; answers how many orders were counted.</summary>
    public static async Task<int> Handle(
        Database<CatalogDb> db, PurchasesClient purchases, PopularityOptions options, CancellationToken ct)
    {
        // Dying after the claim: the orders are asked about again once it is over.
        var claimed = await db.TransactAsync(
            tx => tx.QueryAsync<Guid>(ClaimSql, new
            {
                ClaimedUntil = tx.Now.AddSeconds(options.ClaimSeconds), tx.Now, Batch = options.CountBatch,
            }),
            ct);
        if (claimed.Count == 0) return 0;

        var paid = (await purchases.PaidLinesAsync(claimed, ct)).Where(o => claimed.Contains(o.OrderId)).ToArray();
        if (paid.Length == 0) return 0;

        Fact[] facts =
        [
            .. from order in paid
               from line in order.Lines
               select new Fact(order.OrderId, line.ProductId, order.OrderId, line.Quantity, line.Amount),
        ];
        // Dying before this commit: the same facts come again. After it: they are there and change nothing.
        await db.TransactAsync(
            tx => RecordFacts.InAsync(tx, facts, [.. paid.Select(o => o.OrderId)], options.TimeZone), ct);
        return paid.Length;
    }
}
