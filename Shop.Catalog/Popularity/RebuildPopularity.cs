using Dapper;
using Shop.ServiceDefaults.Data;

namespace Shop.Catalog.Popularity;

/// <summary>
/// Makes the sums again from the facts, in one transaction: readers see the old ones until all of the new are there.
/// Only rows that differ are written, so it also tells whether counting had gone wrong: 0 is what is expected, unless
/// the time zone was changed.
/// </summary>
internal static class RebuildPopularity
{
    private const string LockSql = "select pg_try_advisory_xact_lock(74, 2)";
    private const string LockCountingSql = "select pg_advisory_xact_lock(74, 1)";

    private const string MoveSql = """
        update popularity_orders
           set day = (paid_at at time zone @TimeZone)::date
         where counted_at is not null and day <> (paid_at at time zone @TimeZone)::date
        """;

    /// <summary>The sums of days as the facts say them, for the proof too.</summary>
    internal const string DaysOfFactsSql = """
        select o.day, f.product_id, sum(f.quantity)::bigint as quantity, sum(f.amount)::bigint as amount
          from popularity_facts f join popularity_orders o on o.order_id = f.order_id
         where o.counted_at is not null
         group by o.day, f.product_id
        """;

    private const string DaysSql = $"""
        with truth as ({DaysOfFactsSql})
        insert into popularity_days (day, product_id, quantity, amount)
        select day, product_id, coalesce(t.quantity, 0), coalesce(t.amount, 0)
          from truth t full join popularity_days d using (day, product_id)
         where (coalesce(t.quantity, 0), coalesce(t.amount, 0)) <> (coalesce(d.quantity, 0), coalesce(d.amount, 0))
            on conflict (day, product_id) do update set quantity = excluded.quantity, amount = excluded.amount
        """;

    /// <summary>
    /// The pairs as the facts say them. The same rule as OrderFacts.Pairs: the first products of an order by id, those
    /// of which something was kept.
    /// </summary>
    internal static readonly string PairsOfFactsSql = $"""
        with bought as (
            select order_id, product_id, kept
              from (select f.order_id, f.product_id, sum(f.quantity) > 0 as kept,
                           row_number() over (partition by f.order_id order by f.product_id) as position
                      from popularity_facts f join popularity_orders o on o.order_id = f.order_id
                     where o.counted_at is not null
                     group by f.order_id, f.product_id
                    having bool_or(f.source_id = f.order_id)) as line
             where position <= {OrderFacts.MaxPaired})
        select a.product_id, b.product_id as other_id, count(*) as orders
          from bought a join bought b on b.order_id = a.order_id and b.product_id <> a.product_id
         where a.kept and b.kept
         group by a.product_id, b.product_id
        """;

    private static readonly string PairsSql = $"""
        with truth as ({PairsOfFactsSql})
        insert into popularity_pairs (product_id, other_id, orders)
        select product_id, other_id, coalesce(t.orders, 0)
          from truth t full join popularity_pairs p using (product_id, other_id)
         where coalesce(t.orders, 0) <> coalesce(p.orders, 0)
            on conflict (product_id, other_id) do update set orders = excluded.orders
        """;

    /// <summary>What was wrong and is right now: orders on another day, sums of a day, pairs.</summary>
    public sealed record Corrected(int Orders, int Days, int Pairs);

    /// <summary>Null: another replica is at it.</summary>
    public static Task<Corrected?> Handle(
        Database<CatalogDb> db, PopularityOptions options, CancellationToken ct) =>
        db.TransactAsync(
            async tx =>
            {
                if (!await tx.QuerySingleOrDefaultAsync<bool>(LockSql)) return null;

                await tx.ExecuteAsync($"set local statement_timeout = '{options.RebuildTimeoutSeconds}s'");
                await tx.ExecuteAsync(LockCountingSql);
                var parameters = new { options.TimeZone };
                // Dying before the commit: the old sums stand, and the next run does it all again.
                return new Corrected(
                    await WriteAsync(MoveSql), await WriteAsync(DaysSql), await WriteAsync(PairsSql));

                // The client's own limit has to follow the server's.
                Task<int> WriteAsync(string sql) => tx.Connection.ExecuteAsync(new CommandDefinition(
                    sql, parameters, commandTimeout: options.RebuildTimeoutSeconds + 1, cancellationToken: ct));
            },
            ct);
}
