using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;

namespace Shop.Bench;

/// <summary>
/// What this machine can do: the rows of one order written by pgbench, an order a transaction, on the same server, into
/// a database with the tables of Catalog and Ordering as their own schema files make them.
/// </summary>
internal sealed partial class Ceiling : IAsyncDisposable
{
    private const string Database = "bench_ceiling";
    private const int Clients = 16;
    private const int Threads = 2;
    private const int WarmUpSeconds = 2;
    private const int Seconds = 8;

    private readonly string _pgbench;
    private readonly NpgsqlConnectionStringBuilder _server;
    private readonly string _script;

    private Ceiling(string pgbench, NpgsqlConnectionStringBuilder server, string script)
    {
        _pgbench = pgbench;
        _server = server;
        _script = script;
    }

    /// <param name="pgbench">Where the program is.</param>
    /// <param name="server">The connection string of any database of the server.</param>
    public static async Task<Ceiling> PrepareAsync(
        string pgbench, string server, IReadOnlyList<Guid> products, CancellationToken ct)
    {
        var address = new NpgsqlConnectionStringBuilder(server) { Database = Database, Pooling = false };
        await ExecuteAsync(new(address.ToString()) { Database = "postgres" }, $"create database {Database}", ct);
        foreach (var service in (string[])["Shop.ServiceDefaults", "Shop.Catalog", "Shop.Ordering"])
        {
            foreach (var sql in SchemaFiles(Assembly.Load(service))) await ExecuteAsync(address, sql, ct);
        }

        await Databases.AddProductsAsync(address.ToString(), products, ct);
        var script = Path.Combine(Path.GetTempPath(), $"shop-bench-{Guid.CreateVersion7():n}.sql");
        await File.WriteAllTextAsync(script, Script(products.Count), ct);
        return new(pgbench, address, script);
    }

    /// <summary>The program next to the servers, on the path or where Debian and Homebrew keep it.</summary>
    public static string FindPgbench()
    {
        string[] versions = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Concat(versions.Where(Directory.Exists).SelectMany(Directory.GetDirectories)
                .OrderByDescending(folder => folder.Length).ThenByDescending(folder => folder, StringComparer.Ordinal)
                .Select(folder => Path.Combine(folder, "bin")))
            .Append("/usr/local/pgsql/bin");
        return folders.Select(folder => Path.Combine(folder, "pgbench")).FirstOrDefault(File.Exists)
            ?? throw new BenchException(
                "pgbench is not installed, so there is no ceiling to compare with: it comes with PostgreSQL "
                + "(Debian: apt-get install postgresql; macOS: brew install postgresql@17).");
    }

    /// <summary>Orders a second.</summary>
    public async Task<double> MeasureAsync(CancellationToken ct)
    {
        await RunAsync(WarmUpSeconds, ct);
        await Databases.AnalyzeAsync(_server.ToString(), ct);
        var perSecond = await RunAsync(Seconds, ct);
        return perSecond > 0 ? perSecond : throw new BenchException(
            "pgbench finished no transaction, so there is no ceiling: the machine is too busy to measure on.");
    }

    public async ValueTask DisposeAsync()
    {
        File.Delete(_script);
        await ExecuteAsync(
            new(_server.ToString()) { Database = "postgres" }, $"drop database {Database} with (force)", default);
    }

    private async Task<double> RunAsync(int seconds, CancellationToken ct)
    {
        string[] arguments =
        [
            "-n", "-M", "prepared", "-c", Text(Clients), "-j", Text(Threads), "-T", Text(seconds), "-f", _script,
        ];
        var start = new ProcessStartInfo(_pgbench, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["PGHOST"] = _server.Host, ["PGPORT"] = Text(_server.Port), ["PGUSER"] = _server.Username,
                ["PGPASSWORD"] = _server.Password, ["PGDATABASE"] = Database,
            },
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var errors = process.StandardError.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        if (process.ExitCode != 0) throw new BenchException($"pgbench failed: {(await errors).Trim()}");

        // Where not one transaction was finished in time, pgbench leaves the line with the speed out.
        return PerSecond().Match(await output) is { Success: true } match
            ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
            : 0;
    }

    // The numbered ones; pgbench runs as the owner and needs no grants.
    private static IEnumerable<string> SchemaFiles(Assembly assembly) =>
        from name in assembly.GetManifestResourceNames()
        where name.Contains(".Schema.0", StringComparison.Ordinal) && name.EndsWith(".sql", StringComparison.Ordinal)
        orderby name
        select Read(assembly, name);

    private static string Read(Assembly assembly, string resource)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    private static async Task ExecuteAsync(NpgsqlConnectionStringBuilder address, string sql, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(address.ToString());
        await connection.OpenAsync(ct);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    // The same columns as ReserveMany and StoreOrders fill, with values of the same sizes; ids are random, as those
    // that are derived from a key are.
    private static string Script(int products) => $"""
        \set n random(1, {Text(products)})
        \set a random(0, 4611686018427387903)
        \set b random(0, 4611686018427387903)
        \set c random(0, 4611686018427387903)
        begin;
        {OneLine(StockSql)}
        {OneLine(ReservationSql)}
        {OneLine(OrderSql)}
        {OneLine(OutboxSql)}
        commit;

        """;

    private static string OneLine(string sql) => sql.ReplaceLineEndings(" ")
        .Replace("$product", "('00000000-0000-7000-8000-' || lpad(:n::int::text, 12, '0'))::uuid")
        .Replace("$order", "(lpad(to_hex(:a::bigint), 16, '0') || lpad(to_hex(:b::bigint), 16, '0'))::uuid")
        .Replace("$user", "(lpad(to_hex(:b::bigint), 16, '0') || lpad(to_hex(:c::bigint), 16, '0'))::uuid")
        .Replace("$key", "'POST /orders:' || lpad(to_hex(:c::bigint), 16, '0')") + ";";

    private const string StockSql = """
        update stock set reserved = reserved + 1 where product_id = $product and on_hand - reserved >= 1
        """;

    private const string ReservationSql = """
        with held as (
            insert into reservations (order_id, user_id, status, expires_at, ask_again_at, created_at)
            values ($order, $user, 'HELD', now() + interval '15 min', now() + interval '15 min', now())
        )
        insert into reservation_lines
               (order_id, product_id, position, quantity, seller_id, category, name, unit_price, remaining_stock)
        values ($order, $product, 0, 1, '00000000-0000-7000-8000-0000000000ff', 'bench', 'Product 1', 10001, 1000000)
        """;

    private const string OrderSql = """
        with stored as (
            insert into orders (id, user_id, status, subtotal_minor, discount_minor, total_minor, currency,
                   idempotency_key, fingerprint, answer_status, content_hash, expires_at, created_at, updated_at)
            values ($order, $user, 'CREATED', 10001, 0, 10001, 'KRW', $key, sha256('fingerprint'), 201,
                    sha256('content'), now() + interval '15 min', now(), now())
        ), lines as (
            insert into order_lines (order_id, product_id, line_no, seller_id, category, name, unit_price_minor,
                   quantity, discount_minor, amount_minor)
            values ($order, $product, 1, '00000000-0000-7000-8000-0000000000ff', 'bench', 'Product 1', 10001, 1, 0,
                    10001)
        )
        insert into order_transitions (order_id, version, status, cause, trace_id, at)
        values ($order, 1, 'CREATED', 'placed', md5(:c::bigint::text), now())
        """;

    private const string OutboxSql = """
        insert into outbox
               (slot, event_id, stream, type, key, version, occurred_at, request_id, traceparent, payload)
        select date_trunc('minute', now()), gen_random_uuid(), stream, type, $order, 1, now(), null,
               '00-' || md5(:c::bigint::text) || '-00f067aa0ba902b7-01', payload
          from (values
               ('product-events', 'StockReserved.v1', jsonb_build_object('orderId', $order, 'lines',
                jsonb_build_array(jsonb_build_object('productId', $product, 'quantity', 1)), 'at', now())),
               ('order-events', 'OrderCreated.v1', jsonb_build_object('orderId', $order, 'userId', $user, 'total',
                10001, 'currency', 'KRW', 'at', now()))) as e (stream, type, payload)
        """;

    [GeneratedRegex(@"tps = ([0-9.]+)")]
    private static partial Regex PerSecond();
}
