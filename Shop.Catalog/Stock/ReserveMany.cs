using System.Diagnostics;
using Npgsql;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Catalog.Stock;

/// <summary>
/// The transaction behind <see cref="ReserveStock"/>: locks the stock rows of all requests in the order of their ids,
/// so that two transactions never wait for each other, decides in memory and writes all of it at once. Where there
/// should be enough for all, <see cref="ReserveAllOrNone"/> is tried first.
/// </summary>
internal sealed class ReserveMany(Database<CatalogDb> db, TimeProvider clock)
{
    private const int Attempts = 5;

    // Who was refused once will be again soon: what is sold out stays so for a while.
    private static readonly TimeSpan PauseAfterRefusal = TimeSpan.FromSeconds(1);

    private long? _refusedAt;

    // The sort is below the lock in the plan: rows are locked in the order of their ids. Behind a select an array has
    // the same length to every plan, so that the server keeps one instead of making one for each short array.
    private const string LockSql = """
        select s.product_id, s.on_hand - s.reserved, p.seller_id, p.category, p.name, p.unit_price,
               p.status = 'ON_SALE'
          from stock s join products p on p.id = s.product_id
         where s.product_id = any((select $1)::uuid[])
         order by s.product_id
           for no key update of s
        """;

    // A statement of its own after the lock: it sees what the lock waited for.
    private const string KnownSql = """
        select r.order_id, r.status, r.user_id, r.expires_at, l.product_id, l.seller_id, l.category, l.name,
               l.unit_price, l.quantity, l.remaining_stock
          from reservations r left join reservation_lines l on l.order_id = r.order_id
         where r.order_id = any($1)
         order by r.order_id, l.position
        """;

    private const string TakeSql = """
        update stock s
           set reserved = s.reserved + taken.quantity
          from unnest((select $1)::uuid[], (select $2)::bigint[]) as taken (product_id, quantity)
         where s.product_id = taken.product_id
        """; // More than there is fails the table's CHECK.

    private const string InsertSql = """
        insert into reservations (order_id, user_id, status, expires_at, ask_again_at, created_at)
        select order_id, user_id, 'HELD', expires_at, expires_at, $4
          from unnest($1, $2, $3) as taken (order_id, user_id, expires_at)
         order by order_id
        """; // An order that another transaction has inserted in between fails the primary key.

    private const string InsertLinesSql = """
        insert into reservation_lines
               (order_id, product_id, position, quantity, seller_id, category, name, unit_price, remaining_stock)
        select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """;

    /// <summary>Commits the calls as one transaction and answers each, in order.</summary>
    public async Task<IReadOnlyList<ReserveStock.Response>> FlushAsync(
        IReadOnlyList<ReserveStock.Call> calls, CancellationToken ct)
    {
        if (_refusedAt is not { } refusedAt || clock.GetElapsedTime(refusedAt) > PauseAfterRefusal)
        {
            try
            {
                return await ReserveAllOrNone.FlushAsync(db, calls, ct);
            }
            catch (PostgresException e) when (ReserveAllOrNone.IsRefusal(e))
            {
                _refusedAt = clock.GetTimestamp(); // Now each of them gets its own verdict.
            }
        }

        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await db.TransactAsync(tx => DecideAsync(tx, calls, ct), ct);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation && attempt < Attempts)
            {
                // Another transaction inserted one of these orders in between: it is known now.
            }
        }
    }

    private static async Task<ReserveStock.Response[]> DecideAsync(
        Transaction<CatalogDb> tx, IReadOnlyList<ReserveStock.Call> calls, CancellationToken ct)
    {
        var (stock, known) = await ReadAsync(tx.Connection, calls, ct);
        var allocation = new Allocation(stock, known, tx.Now);
        var answers = new ReserveStock.Response[calls.Count];
        for (var i = 0; i < answers.Length; i++) answers[i] = allocation.Decide(calls[i].Request);
        if (allocation.AllTaken.Count == 0)
        {
            tx.Refuse(); // Nothing to keep: gives the locks back without a commit.
            return answers;
        }

        Write(tx, stock.Values, allocation.AllTaken);
        var causes = new Dictionary<Guid, Activity?>(calls.Count);
        foreach (var call in calls) causes.TryAdd(call.Request.OrderId, call.Cause);
        foreach (var (request, _, _) in allocation.AllTaken) Publish(tx, request, causes[request.OrderId]);
        return answers;
    }

    private static async Task<(Dictionary<Guid, Allocation.Product>, Dictionary<Guid, Allocation.Known>)> ReadAsync(
        NpgsqlConnection connection, IReadOnlyList<ReserveStock.Call> calls, CancellationToken ct)
    {
        var products = calls.SelectMany(call => call.Request.Lines).Select(line => line.ProductId).Distinct().ToArray();
        var orders = calls.Select(call => call.Request.OrderId).Distinct().ToArray();
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(LockSql) { Parameters = { Sql.Array(products) } },
                new(KnownSql) { Parameters = { Sql.Array(orders) } },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(ct);

        var stock = new Dictionary<Guid, Allocation.Product>(products.Length);
        while (await reader.ReadAsync(ct))
        {
            stock.Add(reader.GetGuid(0), Allocation.Product.From(reader));
        }

        await reader.NextResultAsync(ct);
        var known = new Dictionary<Guid, Allocation.Known>();
        while (await reader.ReadAsync(ct)) AddKnown(known, reader);
        return (stock, known);
    }

    private static void AddKnown(Dictionary<Guid, Allocation.Known> known, NpgsqlDataReader reader)
    {
        var orderId = reader.GetGuid(0);
        if (!known.TryGetValue(orderId, out var reservation))
        {
            reservation = new(
                Hold.Parse(reader.GetString(1)),
                reader.IsDBNull(2) ? null : reader.GetGuid(2),
                reader.IsDBNull(3) ? null : reader.GetFieldValue<DateTimeOffset>(3),
                new List<ReserveStock.Line>());
            known.Add(orderId, reservation);
        }

        if (reader.IsDBNull(4)) return;
        ((List<ReserveStock.Line>)reservation.Lines).Add(new(
            reader.GetGuid(4), reader.GetGuid(5), reader.GetString(6), reader.GetString(7), reader.GetInt64(8),
            reader.GetInt32(9), reader.GetInt64(10)));
    }

    private static void Write(
        Transaction<CatalogDb> tx, IEnumerable<Allocation.Product> stock, IReadOnlyList<Allocation.Taken> taken)
    {
        var touched = stock.Where(product => product.NewlyReserved > 0).ToArray();
        var lines = taken
            .SelectMany(t => t.Lines.Select((line, i) => (t.Request.OrderId, Line: line, Position: (short)i)))
            .ToArray();
        tx.ExecuteLast(new(TakeSql)
        {
            Parameters =
            {
                Sql.Array(touched, p => p.Id),
                Sql.Array(touched, p => p.NewlyReserved),
            },
        });
        tx.ExecuteLast(new(InsertSql)
        {
            Parameters =
            {
                Sql.Array(taken, t => t.Request.OrderId),
                Sql.Array(taken, t => t.Request.UserId),
                Sql.Array(taken, t => t.ExpiresAt),
                Sql.Value(tx.Now),
            },
        });
        tx.ExecuteLast(new(InsertLinesSql)
        {
            Parameters =
            {
                Sql.Array(lines, l => l.OrderId),
                Sql.Array(lines, l => l.Line.ProductId),
                Sql.Array(lines, l => l.Position),
                Sql.Array(lines, l => l.Line.Quantity),
                Sql.Array(lines, l => l.Line.SellerId),
                Sql.Array(lines, l => l.Line.Category),
                Sql.Array(lines, l => l.Line.Name),
                Sql.Array(lines, l => l.Line.UnitPrice),
                Sql.Array(lines, l => l.Line.RemainingStock),
            },
        });
    }

    /// <summary>The event belongs to the trace of its own call, not to that of the shared transaction.</summary>
    public static void Publish(Transaction<CatalogDb> tx, ReserveStock.Request request, Activity? cause)
    {
        var shared = Activity.Current;
        // A caller that has gone away has ended its span, which cannot be current again.
        if (cause is { IsStopped: false }) Activity.Current = cause;
        StockLine[] lines = [.. request.Lines.Select(line => new StockLine(line.ProductId, line.Quantity))];
        tx.Publish(new StockReserved(request.OrderId, lines, tx.Now), version: 1);
        Activity.Current = shared;
    }
}
