using Npgsql;
using Shop.ServiceDefaults.Data;
using Shop.Tests.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Data;

public sealed class SharedCommitTests(KernelDatabase databases) : KernelTests(databases)
{
    private const string InsertSql = """
        insert into effects (event_id, key, version, what)
        select item.id, item.id, case item.what when 'poison' then null else 1 end, item.what
          from unnest(@ids, @whats) as item (id, what)
         where not exists (select from effects where event_id = item.id)
        """;

    [Fact]
    public async Task Items_that_arrive_together_share_commits_and_each_gets_its_own_answer()
    {
        var batches = new List<int>();
        using var shared = new SharedCommit<int, int>(async (items, ct) =>
        {
            batches.Add(items.Count);
            await Task.Delay(20, ct);
            return [.. items.Select(item => item * 2)];
        });
        await shared.StartAsync(CancellationToken.None);

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 200).Select(item => shared.RunAsync(item, CancellationToken.None)));

        Assert.Equal(Enumerable.Range(0, 200).Select(item => item * 2), answers);
        Assert.Equal(200, batches.Sum());
        Assert.InRange(batches.Count, 1, 100);
        await shared.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task A_poisoned_item_fails_its_own_caller_only()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, _ => { });
        var hold = new TaskCompletionSource();
        using var shared = Effects(process.Database, () => hold.Task);
        await shared.StartAsync(CancellationToken.None);
        var ids = Enumerable.Range(0, 50).Select(_ => Guid.CreateVersion7()).ToArray();

        var callers = ids
            .Select((id, i) => shared.RunAsync(new(id, i == 17 ? "poison" : "fine"), CancellationToken.None))
            .ToArray();
        hold.SetResult();

        for (var i = 0; i < callers.Length; i++)
        {
            if (i == 17) await Assert.ThrowsAsync<PostgresException>(() => callers[17]);
            else Assert.Equal(ids[i], await callers[i]);
        }

        Assert.Equal(49, (await EffectsAsync(ids)).Count);
        await shared.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task A_caller_with_many_items_hears_of_each_and_of_the_poisoned_one_how_it_failed()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, _ => { });
        using var shared = Effects(process.Database, () => Task.CompletedTask);
        await shared.StartAsync(CancellationToken.None);
        var ids = Enumerable.Range(0, 20).Select(_ => Guid.CreateVersion7()).ToArray();

        Assert.Empty(await shared.RunAllAsync([], CancellationToken.None));
        var answers = await shared.RunAllAsync(
            [.. ids.Select((id, i) => new Item(id, i == 7 ? "poison" : "fine"))], CancellationToken.None);

        Assert.IsType<PostgresException>(answers[7].Failure);
        var fine = ids.Where((_, i) => i != 7).ToArray();
        Assert.Equal(fine, answers.Where((_, i) => i != 7).Select(answer => answer.Get()));
        Assert.Equal(fine.Order(), (await EffectsAsync(ids)).Select(effect => effect.EventId).Order());
        await shared.StopAsync(CancellationToken.None);
    }

    // One item alone once failed where one of many was run again.
    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    public async Task After_a_lost_commit_every_caller_gets_the_true_answer_and_nothing_is_done_twice(int count)
    {
        await using var proxy = new CommitLosingProxy(Databases.Main);
        await using var process = await KernelProcess.StartAsync(
            Databases, Prefix, _ => { }, ("ConnectionStrings:kerneldb", proxy.ConnectionString));
        using var shared = Effects(process.Database, () => Task.CompletedTask);
        await shared.StartAsync(CancellationToken.None);
        var ids = Enumerable.Range(0, count).Select(_ => Guid.CreateVersion7()).ToArray();

        proxy.LoseNextCommit();
        var answers = await Task.WhenAll(
            ids.Select(id => shared.RunAsync(new(id, "fine"), CancellationToken.None)));

        Assert.Equal(1, proxy.Lost);
        Assert.Equal(ids, answers);
        Assert.Equal(ids.Order(), (await EffectsAsync(ids)).Select(effect => effect.EventId).Order());
        await shared.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task A_stop_answers_those_who_still_wait()
    {
        using var shared = new SharedCommit<int, int>(async (items, ct) =>
        {
            await Task.Delay(Timeout.Infinite, ct);
            return [];
        });
        await shared.StartAsync(CancellationToken.None);
        var waiting = shared.RunAsync(1, CancellationToken.None);

        await shared.StopAsync(CancellationToken.None);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task A_stop_answers_a_caller_with_more_items_than_fit_the_queue_for_each_of_them()
    {
        var flushed = new TaskCompletionSource();
        using var shared = new SharedCommit<int, int>(async (items, ct) =>
        {
            if (items.Contains(5_999)) throw new InvalidOperationException("It should not have come so far.");
            if (!items.Contains(0)) await Task.Delay(Timeout.Infinite, ct);
            flushed.TrySetResult();
            return [.. items];
        });
        await shared.StartAsync(CancellationToken.None);
        var waiting = shared.RunAllAsync([.. Enumerable.Range(0, 6_000)], CancellationToken.None);
        await flushed.Task;

        await shared.StopAsync(CancellationToken.None);

        var answers = await waiting.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(0, answers[0].Get());
        Assert.Throws<TaskCanceledException>(() => answers[5_999].Get());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_takes_too_long_is_waited_for_once_and_not_by_each_item_of_the_batch(bool atLock)
    {
        Exception tooSlow = atLock
            ? new DatabaseBusyException(new TimeoutException())
            : new PostgresException("statement timeout", "ERROR", "ERROR", PostgresErrorCodes.QueryCanceled);
        const int Holding = -1;
        var alone = 0;
        var (held, queued) = (new TaskCompletionSource(), new TaskCompletionSource());
        using var shared = new SharedCommit<int, int>(async (items, ct) =>
        {
            if (items is [Holding])
            {
                held.SetResult();
                await queued.Task.WaitAsync(ct);
                return [Holding];
            }

            if (items.Count > 1 || Interlocked.Increment(ref alone) > 5) throw tooSlow;
            return [.. items];
        });
        await shared.StartAsync(CancellationToken.None);
        // While one is flushed all the others come into the queue, and so into one batch.
        var first = shared.RunAsync(Holding, CancellationToken.None);
        await held.Task;
        var waiting = shared.RunAllAsync([.. Enumerable.Range(0, 20)], CancellationToken.None);
        queued.SetResult();

        Assert.Equal(Holding, await first);
        var answers = await waiting.WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(6, alone);
        Assert.Equal([0, 1, 2, 3, 4], answers.Take(5).Select(answer => answer.Get()));
        Assert.All(answers.Skip(5), answer => Assert.Same(tooSlow, answer.Failure));
        await shared.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task A_server_that_shuts_down_after_the_commit_has_committed_and_the_lone_item_hears_so()
    {
        var runs = 0;
        using var shared = new SharedCommit<int, int>((items, _) => ++runs == 1
            ? throw new PostgresException("terminating connection", "FATAL", "FATAL", PostgresErrorCodes.AdminShutdown)
            : Task.FromResult<IReadOnlyList<int>>([.. items]));
        await shared.StartAsync(CancellationToken.None);

        Assert.Equal(7, await shared.RunAsync(7, CancellationToken.None));

        Assert.Equal(2, runs);
        await shared.StopAsync(CancellationToken.None);
    }

    private static SharedCommit<Item, Guid> Effects(Database<KernelDb> database, Func<Task> before) => new(
        async (items, ct) =>
        {
            await before();
            await database.TransactAsync(
                tx => tx.ExecuteAsync(
                    InsertSql,
                    new
                    {
                        ids = items.Select(item => item.Id).ToArray(),
                        whats = items.Select(item => item.What).ToArray(),
                    }),
                ct);
            return [.. items.Select(item => item.Id)];
        });

    private sealed record Item(Guid Id, string What);
}
