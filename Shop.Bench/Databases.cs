using Npgsql;

namespace Shop.Bench;

/// <summary>What the bench does in the shop's databases itself: fill them before, and count in them after.</summary>
internal static class Databases
{
    /// <summary>Far more of each product than any run can order: a refusal is then always an error.</summary>
    public const long StockOfEach = 1_000_000_000;

    // Parameters: ids, stock of each. The ledger explains every unit, as it does in the shop.
    public const string ProductsSql = """
        with seller as (
            insert into sellers (id, name) values ('00000000-0000-7000-8000-0000000000ff', 'Bench') returning id
        ), made as (
            insert into products (id, seller_id, category, name, description, unit_price, currency, status, created_at)
            select p.id, seller.id, 'bench', 'Product ' || p.n, 'A product of the bench.', 10000 + p.n, 'KRW',
                   'ON_SALE', now()
              from seller, unnest($1) with ordinality as p (id, n)
            returning id
        ), stocked as (
            insert into stock (product_id, on_hand) select id, $2 from made
        )
        insert into stock_movements (product_id, kind, quantity, reason, occurred_at)
        select id, 'RECEIVED', $2, 'bench', now() from made
        """;

    // What the relay has not published yet: what lies behind its cursor.
    private const string WaitingSql = """
        select coalesce((select max(id) from outbox), 0) - coalesce((select max(last_id) from leases), 0)
        """;

    // Of each table since the server started, the rows that sequential scans went through, largest first.
    private const string ScannedSql = """
        select relname::text, seq_tup_read from pg_stat_user_tables where seq_tup_read > 0
         order by seq_tup_read desc
        """;

    /// <summary>Ids that a script can compute from a number, from 1 on.</summary>
    public static Guid ProductId(int number) => new($"00000000-0000-7000-8000-{number:D12}");

    /// <summary>
    /// Gives the server log files to use again, as one has that has run for a while. A new one makes each file of 16 MB
    /// when it gets there, and every commit waits for that, here for 40 to 100 ms.
    /// </summary>
    public static async Task MakeLogFilesAsync(string database, CancellationToken ct)
    {
        const int files = 24; // For some 90,000 orders with their events; a longer run makes its own again.
        await using var connection = await OpenAsync(database, ct);
        await using var fill = new NpgsqlCommand(
            "select pg_logical_emit_message(false, 'bench', ''), pg_switch_wal() from generate_series(1, $1)",
            connection) { Parameters = { new() { Value = files } } };
        await fill.ExecuteNonQueryAsync(ct);
        await using var recycle = new NpgsqlCommand("checkpoint", connection);
        await recycle.ExecuteNonQueryAsync(ct);
    }

    public static async Task AddProductsAsync(string catalog, IReadOnlyList<Guid> products, CancellationToken ct)
    {
        await using var connection = await OpenAsync(catalog, ct);
        await using var command = new NpgsqlCommand(ProductsSql, connection)
        {
            Parameters = { new() { Value = products.ToArray() }, new() { Value = StockOfEach } },
        };
        await command.ExecuteNonQueryAsync(ct);
    }

    // A plan made while a table was empty reads all of it when it is full.
    public static async Task AnalyzeAsync(string database, CancellationToken ct)
    {
        await using var connection = await OpenAsync(database, ct);
        await using var command = new NpgsqlCommand("analyze", connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Rows that were read one after the other, by table: what grows with a table shows here first.</summary>
    public static async Task<IReadOnlyDictionary<string, long>> ScannedAsync(string database, CancellationToken ct)
    {
        await using var connection = await OpenAsync(database, ct);
        await using var command = new NpgsqlCommand(ScannedSql, connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var scanned = new Dictionary<string, long>();
        while (await reader.ReadAsync(ct)) scanned.TryAdd(reader.GetString(0), reader.GetInt64(1));
        return scanned;
    }

    public static Task<long> OrdersAsync(string ordering, CancellationToken ct) =>
        OrdersAsync(ordering, "CREATED", ct);

    /// <summary>How many orders are in this state.</summary>
    public static Task<long> OrdersAsync(string ordering, string status, CancellationToken ct) =>
        CountAsync(ordering, $"select count(*) from orders where status = '{status}'", ct);

    public static Task<long> UnitsHeldAsync(string catalog, CancellationToken ct) =>
        CountAsync(catalog, "select sum(reserved)::bigint from stock", ct);

    public static Task<long> EventsWaitingAsync(string database, CancellationToken ct) =>
        CountAsync(database, WaitingSql, ct);

    /// <summary>Makes an admin of a user: the first one of a shop in production has nobody who could.</summary>
    public static async Task MakeAdminAsync(string identity, Guid user, CancellationToken ct)
    {
        await using var connection = await OpenAsync(identity, ct);
        await using var command = new NpgsqlCommand("update users set roles = '{admin}' where id = $1", connection)
        {
            Parameters = { new() { Value = user } },
        };
        await command.ExecuteNonQueryAsync(ct);
    }

    internal static async Task<long> CountAsync(string database, string sql, CancellationToken ct)
    {
        await using var connection = await OpenAsync(database, ct);
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    internal static async Task<NpgsqlConnection> OpenAsync(string database, CancellationToken ct)
    {
        var address = new NpgsqlConnectionStringBuilder(database) { Pooling = false };
        var connection = new NpgsqlConnection(address.ToString());
        await connection.OpenAsync(ct);
        return connection;
    }
}
