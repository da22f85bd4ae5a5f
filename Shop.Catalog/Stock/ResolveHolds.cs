using Npgsql;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Catalog.Stock;

/// <summary>
/// The one way to end holds, any number in one transaction: release, expire and commit take the same locks in the same
/// order as reservations do (stock rows by product id, then reservations by order id) and decide by <see cref="Hold"/>.
/// </summary>
internal static class ResolveHolds
{
    private const int Attempts = 5;

    private const string LockStockSql = """
        select product_id, on_hand, reserved
          from stock
         where product_id in (select product_id from reservation_lines where order_id = any($1))
         order by product_id
           for no key update
        """;

    private const string LockHoldsSql = """
        select r.order_id, r.status, r.version, exists (select from stock_shortages s where s.order_id = r.order_id)
          from reservations r
         where r.order_id = any($1)
         order by r.order_id
           for no key update of r
        """;

    private const string LinesSql = """
        select order_id, product_id, quantity - given_back
          from reservation_lines
         where order_id = any($1)
         order by order_id, position
        """;

    private const string StockSql = """
        update stock s
           set on_hand = s.on_hand + change.on_hand, reserved = s.reserved + change.reserved
          from unnest($1, $2, $3) as change (product_id, on_hand, reserved)
         where s.product_id = change.product_id
        """;

    private const string EndSql = """
        update reservations r
           set status = ended.status, ended_at = $4, version = r.version + 1
          from unnest($1, $2, $3) as ended (order_id, status, before)
         where r.order_id = ended.order_id and r.status = ended.before
        """;

    private const string TombstoneSql = """
        insert into reservations (order_id, status, created_at, ended_at)
        select order_id, status, $3, $3 from unnest($1, $2) as gone (order_id, status)
         order by order_id
            on conflict do nothing
        """;

    private const string SoldSql = """
        insert into stock_movements (product_id, kind, quantity, order_id, occurred_at)
        select product_id, 'SOLD', -quantity, order_id, $4
          from unnest($1, $2, $3) as sold (order_id, product_id, quantity)
        """;

    private const string ShortageSql = """
        insert into stock_shortages (order_id, occurred_at)
        select order_id, $2 from unnest($1) as short (order_id)
        """;

    /// <summary>One order whose hold is to end.</summary>
    public sealed record Item(Guid OrderId, HoldCommand Command);

    /// <summary>Ends the holds in a transaction of their own; a verdict each, in order.</summary>
    public static async Task<HoldVerdict[]> RunAsync(
        Database<CatalogDb> db, IReadOnlyList<Item> items, CancellationToken ct)
    {
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            var verdicts = await db.TransactAsync(
                async tx =>
                {
                    var decided = await InAsync(tx, items, ct);
                    if (decided is null) tx.Refuse();
                    return decided;
                },
                ct);
            if (verdicts is not null) return verdicts;
        }

        throw new InvalidOperationException($"Ending holds lost {Attempts} races against their reservations.");
    }

    /// <summary>Ends the holds as part of a transaction.</summary>
    /// <returns>
    /// Null: a reservation of one of these orders arrived in between. The transaction has to be given up and run again.
    /// </returns>
    public static async Task<HoldVerdict[]?> InAsync(
        Transaction<CatalogDb> tx, IReadOnlyList<Item> items, CancellationToken ct)
    {
        var orders = items.Select(item => item.OrderId).Distinct().ToArray();
        var (stock, holds) = await ReadAsync(tx.Connection, orders, ct);

        // A line whose stock was not locked came after the first statement; locking it now would break the order.
        if (holds.Values.Any(hold => hold.Lines.Any(line => !stock.ContainsKey(line.ProductId)))) return null;

        var resolution = new HoldResolution(stock, holds);
        var verdicts = items.Select(item => resolution.Decide(item.OrderId, item.Command)).ToArray();
        if (!await WriteAsync(tx, stock.Values, holds.Values, ct)) return null;

        Publish(tx, holds.Values);
        return verdicts;
    }

    private static async Task<(Dictionary<Guid, StockLevel>, Dictionary<Guid, OpenHold>)> ReadAsync(
        NpgsqlConnection connection, Guid[] orders, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(LockStockSql) { Parameters = { Sql.Array(orders) } },
                new(LockHoldsSql) { Parameters = { Sql.Array(orders) } },
                new(LinesSql) { Parameters = { Sql.Array(orders) } },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(ct);

        var stock = new Dictionary<Guid, StockLevel>();
        while (await reader.ReadAsync(ct))
        {
            stock.Add(reader.GetGuid(0), new(reader.GetGuid(0), reader.GetInt64(1), reader.GetInt64(2)));
        }

        await reader.NextResultAsync(ct);
        var holds = new Dictionary<Guid, OpenHold>();
        foreach (var order in orders) holds.Add(order, new(order));
        while (await reader.ReadAsync(ct))
        {
            holds[reader.GetGuid(0)].Read(
                Hold.Parse(reader.GetString(1)), reader.GetInt64(2), wasShort: reader.GetBoolean(3));
        }

        await reader.NextResultAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            holds[reader.GetGuid(0)].Lines.Add(new(reader.GetGuid(1), reader.GetInt32(2)));
        }

        return (stock, holds);
    }

    /// <returns>False: a row came in between, the transaction has to be given up.</returns>
    private static async Task<bool> WriteAsync(
        Transaction<CatalogDb> tx, IEnumerable<StockLevel> stock, IReadOnlyCollection<OpenHold> holds,
        CancellationToken ct)
    {
        var now = tx.Now;
        await using var batch = new NpgsqlBatch(tx.Connection);
        Add(batch, StockSql, stock.Where(level => level.Changed).ToArray(), levels =>
        [
            Sql.Array(levels, l => l.ProductId),
            Sql.Array(levels, l => l.OnHandChange),
            Sql.Array(levels, l => l.ReservedChange),
        ]);
        Add(batch, EndSql, holds.Where(hold => hold.Ended && hold.Before is not null).ToArray(), ended =>
        [
            Sql.Array(ended, h => h.OrderId),
            Sql.Array(ended, h => h.Status!.Value.ToText()),
            Sql.Array(ended, h => h.Before!.Value.ToText()),
            Sql.Value(now),
        ]);
        Add(batch, TombstoneSql, holds.Where(hold => hold.Ended && hold.Before is null).ToArray(), gone =>
        [
            Sql.Array(gone, h => h.OrderId),
            Sql.Array(gone, h => h.Status!.Value.ToText()),
            Sql.Value(now),
        ]);
        Add(
            batch, SoldSql,
            holds.Where(h => h.Sold).SelectMany(h => h.OpenLines, (h, line) => (h.OrderId, Line: line)).ToArray(),
            sold =>
            [
                Sql.Array(sold, s => s.OrderId),
                Sql.Array(sold, s => s.Line.ProductId),
                Sql.Array(sold, s => (long)s.Line.Quantity),
                Sql.Value(now),
            ]);
        Add(batch, ShortageSql, holds.Where(hold => hold.NewlyShort).ToArray(), shortages =>
            [Sql.Array(shortages, h => h.OrderId), Sql.Value(now)]);
        if (batch.BatchCommands.Count == 0) return true;

        await batch.ExecuteNonQueryAsync(ct);
        foreach (var command in batch.BatchCommands)
        {
            // The first parameter is a column of the rows.
            if (command.RecordsAffected != ((Array)command.Parameters[0].Value!).Length) return false;
        }

        return true;
    }

    private static void Add<T>(
        NpgsqlBatch batch, string sql, T[] rows, Func<T[], NpgsqlParameter[]> parameters)
    {
        if (rows.Length == 0) return;
        var command = new NpgsqlBatchCommand(sql);
        command.Parameters.AddRange(parameters(rows));
        batch.BatchCommands.Add(command);
    }

    private static void Publish(Transaction<CatalogDb> tx, IEnumerable<OpenHold> holds)
    {
        foreach (var hold in holds)
        {
            if (hold.NewlyShort) tx.Publish(new StockCommitFailed(hold.OrderId, tx.Now), hold.Version);
            if (!hold.Ended || hold.Lines.Count == 0) continue;

            StockLine[] lines = [.. hold.OpenLines];
            if (hold.Sold) tx.Publish(new StockCommitted(hold.OrderId, lines, tx.Now), hold.Version);
            else tx.Publish(new StockReleased(hold.OrderId, lines, tx.Now), hold.Version);
        }
    }
}
