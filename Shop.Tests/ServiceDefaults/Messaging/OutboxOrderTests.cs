using System.Globalization;
using Dapper;
using Npgsql;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>Events must come out in an order that keeps each aggregate's, and none may be left behind.</summary>
public sealed class OutboxOrderTests(KernelDatabase databases) : KernelTests(databases)
{
    private const string InsertSql = """
        insert into outbox (slot, event_id, stream, type, key, version, occurred_at, payload)
        values (date_trunc('minute', now()), gen_random_uuid(), 'order-events', 'OrderExpired.v1', @key, @version,
                now(), '{}')
        """;

    [Fact]
    public async Task A_late_commit_with_a_low_id_is_waited_for()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, _ => { });
        var key = Guid.CreateVersion7();
        await using var slow = await WriterAsync();
        await using var fast = await WriterAsync();
        await slow.InsertAsync(key, version: 1);
        await fast.InsertAsync(key, version: 2);
        await fast.CommitAsync();

        await using var connection = await KernelDatabase.OpenAsync(Databases.Main);
        var reader = new OutboxReader(connection);
        Assert.DoesNotContain(2, await VersionsAsync(reader, key));

        await slow.CommitAsync();
        Assert.Equal([1, 2], await VersionsAsync(reader, key));
    }

    // A snapshot ends one past the newest transaction that has ended. The newest that runs was not in it, and its event
    // was passed over for good.
    [Fact]
    public async Task The_newest_transaction_is_waited_for_though_no_snapshot_knows_it()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, _ => { });
        await using var connection = await KernelDatabase.OpenAsync(Databases.Main);
        var reader = new OutboxReader(connection);
        for (var tries = 0; tries < 50; tries++)
        {
            var key = Guid.CreateVersion7();
            await using var newest = await WriterAsync();
            await newest.InsertAsync(key, version: 1);
            var decided = await reader.DecidedAsync(0, CancellationToken.None);
            // Another test's transaction may just have ended: then the snapshot did know this one.
            var end = ulong.Parse(
                (await connection.ExecuteScalarAsync<string>("select pg_snapshot_xmax(pg_current_snapshot())::text"))!,
                CultureInfo.InvariantCulture);
            var unknown = end <= await newest.TransactionIdAsync();
            await newest.CommitAsync();
            if (!unknown) continue;

            Assert.DoesNotContain(
                await reader.ReadAsync(0, decided, 100_000, CancellationToken.None),
                record => record.Row.Key == key);
            Assert.Equal([1], await VersionsAsync(reader, key));
            return;
        }

        Assert.Fail("Another transaction ended in each of the tries.");
    }

    [Fact]
    public async Task The_order_of_an_aggregate_is_that_of_its_commits_not_of_transaction_ids()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, _ => { });
        var key = Guid.CreateVersion7();
        await using var connection = await KernelDatabase.OpenAsync(Databases.Main);
        var reader = new OutboxReader(connection);
        // T1 has the lowest transaction id and is the last to change the aggregate; X runs between them and outlasts
        // both, so that neither transaction ids nor windows of them would keep the order.
        await using var t1 = await WriterAsync();
        var xid1 = await t1.TransactionIdAsync();
        await using var x = await WriterAsync();
        var xidX = await x.TransactionIdAsync();
        await using var t2 = await WriterAsync();
        await t2.InsertAsync(key, version: 1);
        var xid2 = await t2.TransactionIdAsync();
        await t2.CommitAsync();
        await t1.InsertAsync(key, version: 2);
        await t1.CommitAsync();
        Assert.True(xid1 < xidX && xidX < xid2);

        var before = await VersionsAsync(reader, key);
        Assert.True(before is [] or [1, 2], $"Out of order: {string.Join(", ", before)}");
        await x.CommitAsync();

        Assert.Equal([1, 2], await VersionsAsync(reader, key));
    }

    [Fact]
    public async Task A_row_gives_its_transaction_an_id_before_it_draws_its_own()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, _ => { });
        await using var connection = await KernelDatabase.OpenAsync(Databases.Main);

        var columns = (await connection.QueryAsync<string>(
            "select attname from pg_attribute where attrelid = 'outbox'::regclass and attnum > 0 order by attnum"))
            .AsList();

        Assert.True(columns.IndexOf("xid") < columns.IndexOf("id"));
    }

    [Fact]
    public async Task Ids_that_were_rolled_back_hold_nothing_up()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, _ => { });
        var key = Guid.CreateVersion7();
        await using var gone = await WriterAsync();
        await gone.InsertAsync(key, version: 1);
        await gone.RollbackAsync();
        await using var kept = await WriterAsync();
        await kept.InsertAsync(key, version: 2);
        await kept.CommitAsync();

        await using var connection = await KernelDatabase.OpenAsync(Databases.Main);
        Assert.Equal([2], await VersionsAsync(new OutboxReader(connection), key));
    }

    [Fact]
    public async Task A_look_at_a_long_outbox_never_scans_it()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, _ => { });
        await KernelDatabase.ExecuteAsync(Databases.Main, """
            insert into outbox (slot, event_id, stream, type, key, version, occurred_at, payload)
            select date_trunc('minute', now()), gen_random_uuid(), 'order-events', 'OrderExpired.v1',
                   gen_random_uuid(), 1, now(), '{}'
              from generate_series(1, 20000)
            """);
        await using var connection = await KernelDatabase.OpenAsync(Databases.Main);
        await new OutboxReader(connection).PrepareAsync(CancellationToken.None);

        var plan = string.Join('\n', await connection.QueryAsync<string>(
            "explain select id from outbox where id > 19990 and id <= 20000 order by id limit 500"));

        Assert.DoesNotContain("Seq Scan", plan, StringComparison.Ordinal);
        Assert.DoesNotContain("Sort  (", plan, StringComparison.Ordinal);
    }

    /// <summary>
    /// What the relay would send of this key. Other tests' transactions on the shared server may hold it up for a
    /// while, so an empty answer is asked for again.
    /// </summary>
    private static async Task<IReadOnlyList<long>> VersionsAsync(OutboxReader reader, Guid key)
    {
        for (var look = 0; look < 100; look++)
        {
            var decided = await reader.DecidedAsync(0, CancellationToken.None);
            var records = await reader.ReadAsync(0, decided, 100_000, CancellationToken.None);
            var versions = records.Where(record => record.Row.Key == key).Select(record => record.Row.Version).ToList();
            if (versions.Count > 0) return versions;
            await Task.Delay(10);
        }

        return [];
    }

    private async Task<Writer> WriterAsync()
    {
        var connection = await KernelDatabase.OpenAsync(Databases.Main);
        return new(connection, await connection.BeginTransactionAsync());
    }

    private sealed class Writer(NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
    {
        public async Task<ulong> TransactionIdAsync() => ulong.Parse(
            (await connection.ExecuteScalarAsync<string>("select pg_current_xact_id()::text"))!,
            CultureInfo.InvariantCulture);

        public Task InsertAsync(Guid key, long version) => connection.ExecuteAsync(InsertSql, new { key, version });

        public Task CommitAsync() => transaction.CommitAsync();

        public Task RollbackAsync() => transaction.RollbackAsync();

        public async ValueTask DisposeAsync()
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}
