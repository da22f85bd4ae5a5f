using Npgsql;
using Shop.ServiceDefaults.Data;
using Shop.Tests.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Data;

public sealed class DatabaseTests(KernelDatabase databases) : KernelTests(databases)
{
    private const string InsertSql =
        "insert into effects (event_id, key, version, what) values (@id, @id, 1, 'first')";

    private const string RaiseSql = "update effects set version = version + 1 where key = @id";

    [Fact]
    public async Task A_refusal_keeps_neither_state_nor_events()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, _ => { });
        var id = Guid.CreateVersion7();

        var answer = await process.Database.TransactAsync(
            async tx =>
            {
                await tx.ExecuteAsync(InsertSql, new { id });
                tx.Publish(Expired(id), 1);
                tx.Refuse();
                return "refused";
            },
            CancellationToken.None);

        Assert.Equal("refused", answer);
        Assert.Empty(await EffectsAsync(id));
        Assert.Empty(await KernelDatabase.QueryAsync<long>(
            Databases.Main, "select id from outbox where key = @id", new { id }));
    }

    // The second use of a statement prepares it; PostgreSQL refuses U+0000 when it binds the value.
    [Fact]
    public async Task A_value_that_is_refused_while_its_statement_is_prepared_does_not_fail_the_next_one()
    {
        await using var process = await KernelProcess.StartAsync(
            Databases, Prefix, _ => { }, ("Database:PoolSize", "1"));
        Task<string?> EchoAsync(string text) => process.Database.TransactAsync(
            tx => tx.QuerySingleOrDefaultAsync<string>("select @text || ' comes back'", new { text }),
            CancellationToken.None);

        Assert.Equal("a comes back", await EchoAsync("a"));
        await Assert.ThrowsAsync<PostgresException>(() => EchoAsync("b\0"));
        Assert.Equal("c comes back", await EchoAsync("c"));
    }

    [Fact]
    public async Task Two_transactions_that_deadlock_both_end()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, _ => { });
        var (a, b) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        foreach (var id in new[] { a, b }) await KernelDatabase.ExecuteAsync(Databases.Main, InsertSql, new { id });
        using var both = new CountdownEvent(2);
        var meet = new TaskCompletionSource();

        await Task.WhenAll(MoveAsync(a, b), MoveAsync(b, a));

        Assert.Equal([3, 3], (await EffectsAsync(a, b)).Select(effect => effect.Version));

        Task MoveAsync(Guid first, Guid second)
        {
            var run = 0;
            return process.Database.TransactAsync(
                async tx =>
                {
                    await tx.ExecuteAsync(RaiseSql, new { id = first });
                    if (++run == 1)
                    {
                        if (both.Signal()) meet.SetResult();
                        await meet.Task;
                    }

                    await tx.ExecuteAsync(RaiseSql, new { id = second });
                },
                CancellationToken.None);
        }
    }

    [Fact]
    public async Task A_row_that_stays_locked_ends_as_busy_after_a_bounded_number_of_tries()
    {
        await using var process = await KernelProcess.StartAsync(
            Databases, Prefix, _ => { }, ("Database:LockTimeoutMs", "50"), ("Database:LockAttempts", "3"));
        var id = Guid.CreateVersion7();
        await KernelDatabase.ExecuteAsync(Databases.Main, InsertSql, new { id });
        await using var holder = await KernelDatabase.OpenAsync(Databases.Main);
        await using var held = await holder.BeginTransactionAsync();
        await Dapper.SqlMapper.ExecuteAsync(holder, "update effects set version = 9 where key = @id", new { id });
        var tries = 0;

        await Assert.ThrowsAsync<DatabaseBusyException>(() => process.Database.TransactAsync(
            tx =>
            {
                tries++;
                return tx.ExecuteAsync("update effects set version = 2 where key = @id", new { id });
            },
            CancellationToken.None));

        Assert.Equal(3, tries);
    }
}
