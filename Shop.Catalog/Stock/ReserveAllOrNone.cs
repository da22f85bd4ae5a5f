using Npgsql;
using Shop.ServiceDefaults.Data;

namespace Shop.Catalog.Stock;

/// <summary>
/// The short way of <see cref="ReserveMany"/>: reads, locks, takes, writes and commits in one round trip, as if there
/// were enough for all. A product that is unknown or not on sale, too few units or an order that is there already
/// break a constraint, and with it the whole transaction: it says nothing about whose fault it was.
/// </summary>
internal static class ReserveAllOrNone
{
    // Stock rows are locked before they are changed, in the order of their ids: the sort is below the lock in the plan.
    // Behind a select an array has the same length to every plan, so that the server keeps one.
    private const string TakeSql = """
        with offered as materialized (
            select s.product_id, s.on_hand - s.reserved as available, p.seller_id, p.category, p.name, p.unit_price,
                   p.status = 'ON_SALE' as on_sale
              from stock s join products p on p.id = s.product_id
             where s.product_id = any((select $1)::uuid[])
             order by s.product_id
               for no key update of s
        ), taken as (
            update stock s
               set reserved = s.reserved + wanted.quantity
              from offered
              join unnest((select $1)::uuid[], (select $2)::bigint[]) as wanted (product_id, quantity)
             using (product_id)
             where s.product_id = offered.product_id
        ), held as (
            insert into reservations (order_id, user_id, status, expires_at, ask_again_at, created_at)
            select order_id, user_id, 'HELD', expires_at, expires_at, $3
              from unnest($4, $5, $6) as wanted (order_id, user_id, expires_at)
             order by order_id
        ), lines as (
            insert into reservation_lines
                   (order_id, product_id, position, quantity, seller_id, category, name, unit_price, remaining_stock)
            select order_id, product_id, position, quantity, case when on_sale then seller_id end, category, name,
                   unit_price, available - taken_until_now
              from unnest((select $7)::uuid[], (select $8)::uuid[], (select $9)::smallint[], (select $10)::integer[],
                          (select $11)::bigint[])
                   as wanted (order_id, product_id, position, quantity, taken_until_now)
              left join offered using (product_id)
        )
        select product_id, available, seller_id, category, name, unit_price, on_sale from offered
        """;

    /// <summary>True for what a request that cannot be served breaks.</summary>
    public static bool IsRefusal(PostgresException e) => e.SqlState
        is PostgresErrorCodes.CheckViolation
        or PostgresErrorCodes.NotNullViolation
        or PostgresErrorCodes.UniqueViolation;

    /// <exception cref="PostgresException">A refusal, among others: nothing was taken.</exception>
    public static async Task<IReadOnlyList<ReserveStock.Response>> FlushAsync(
        Database<CatalogDb> db, IReadOnlyList<ReserveStock.Call> calls, CancellationToken ct)
    {
        var (offered, now) = await db.TransactAsync(tx => Task.FromResult(Take(tx, calls)), ct);

        // Decided again in memory, from the same numbers in the same order.
        var allocation = new Allocation(offered, [], now);
        var answers = new ReserveStock.Response[calls.Count];
        for (var i = 0; i < answers.Length; i++)
        {
            answers[i] = allocation.Decide(calls[i].Request);
            if (!answers[i].Success)
            {
                throw new InvalidOperationException($"Order {calls[i].Request.OrderId} holds what it is refused.");
            }
        }

        return answers;
    }

    /// <returns>The products as they were offered, which are there once this is committed.</returns>
    private static (Dictionary<Guid, Allocation.Product> Offered, DateTimeOffset Now) Take(
        Transaction<CatalogDb> tx, IReadOnlyList<ReserveStock.Call> calls)
    {
        var now = tx.Now;
        var sums = new Dictionary<Guid, long>();
        var lines = new List<(Guid OrderId, ReserveStock.WantedLine Line, short Position, long TakenUntilNow)>();
        foreach (var (request, _) in calls)
        {
            for (short i = 0; i < request.Lines.Count; i++)
            {
                var line = request.Lines[i];
                sums[line.ProductId] = sums.GetValueOrDefault(line.ProductId) + line.Quantity;
                lines.Add((request.OrderId, line, i, sums[line.ProductId]));
            }
        }

        var offered = new Dictionary<Guid, Allocation.Product>(sums.Count);
        tx.QueryLast(
            new(TakeSql)
            {
                Parameters =
                {
                    Sql.Array(sums.Keys.ToArray()),
                    Sql.Array(sums.Values.ToArray()),
                    Sql.Value(now),
                    Sql.Array(calls, call => call.Request.OrderId),
                    Sql.Array(calls, call => call.Request.UserId),
                    Sql.Array(calls, call => now.AddSeconds(call.Request.TtlSeconds)),
                    Sql.Array(lines, line => line.OrderId),
                    Sql.Array(lines, line => line.Line.ProductId),
                    Sql.Array(lines, line => line.Position),
                    Sql.Array(lines, line => line.Line.Quantity),
                    Sql.Array(lines, line => line.TakenUntilNow),
                },
            },
            row => offered.Add(row.GetGuid(0), Allocation.Product.From(row)));
        foreach (var (request, cause) in calls) ReserveMany.Publish(tx, request, cause);
        return (offered, now);
    }
}
