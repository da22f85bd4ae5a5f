using Shop.ServiceDefaults.Data;

namespace Shop.Ordering.Feed;

/// <summary>
/// Sends the oldest events as one batch when it is full or the oldest has waited long enough, and removes them once the
/// target has them. One process at a time, so that batches arrive in order; a failing target is tried again with
/// growing pauses, and meanwhile the rows wait here and hold up nothing else.
/// </summary>
internal static partial class SendFeed
{
    private const int LeaseSeconds = 30;
    private const int MaxDoublings = 20;

    private const string LendSql = """
        update feed_sender set lent_until = @LentUntil
         where lent_until <= @Now
           and (exists (select from feed_rows order by id offset @BatchSize - 1 limit 1)
                or (select stored_at from feed_rows order by id limit 1) <= @Ripe)
        returning failures
        """; // 0 rows: somebody sends, or the target rests, or there is no batch yet.

    // By what was read, never by "all up to this id": a lower one may be committed later.
    private const string BatchSql = "select id, line from feed_rows order by id limit @BatchSize";

    private const string SentSql = "delete from feed_rows where id = any (@Ids)";

    private const string ReturnSql = """
        update feed_sender set lent_until = @FreeAt, failures = @Failures, last_error = @Error
         where lent_until = @LentUntil
        """; // 0 rows: we were so slow that somebody else sends by now.

    /// <summary>How many events were sent.</summary>
    public static async Task<int> RunAsync(IServiceProvider services, CancellationToken ct)
    {
        var database = services.GetRequiredService<Database<OrderingDb>>();
        var options = services.GetRequiredService<FeedOptions>();
        var target = services.GetRequiredService<FeedTarget>();
        var log = services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(SendFeed));

        if (await LendAsync(database, options, ct) is not { } loan) return 0;
        try
        {
            await target.SendAsync(loan.ToBatch(), ct);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            // Whatever it is, the rows stay and the pause grows.
            NotTaken(log, loan.Rows.Count, loan.Failures + 1, e);
            await ReturnAsync(database, loan, options, e.Message, ct);
            return 0;
        }

        // Dying here sends the batch once more, when the loan is over.
        await ReturnAsync(database, loan, options, error: null, ct);
        return loan.Rows.Count;
    }

    private static Task<Loan?> LendAsync(
        Database<OrderingDb> database, FeedOptions options, CancellationToken ct) => database.TransactAsync(
        async tx =>
        {
            var until = tx.Now.AddSeconds(options.TimeoutSeconds + LeaseSeconds);
            var failures = await tx.QuerySingleOrDefaultAsync<int?>(LendSql, new
            {
                tx.Now, LentUntil = until, options.BatchSize, Ripe = tx.Now.AddSeconds(-options.BatchSeconds),
            });
            if (failures is null) return null;

            var rows = await tx.QueryAsync<Row>(BatchSql, new { options.BatchSize });
            return new Loan(tx.Now, until, failures.Value, rows);
        },
        ct);

    private static Task ReturnAsync(
        Database<OrderingDb> database, Loan loan, FeedOptions options, string? error, CancellationToken ct) =>
        database.TransactAsync(
            async tx =>
            {
                var failures = error is null ? 0 : loan.Failures + 1;
                var pause = error is null ? 0 : Math.Min(
                    options.MaxPauseSeconds, options.RetrySeconds * Math.Pow(2, Math.Min(loan.Failures, MaxDoublings)));
                if (error is null) await tx.ExecuteAsync(SentSql, new { Ids = loan.Rows.Select(r => r.Id).ToArray() });
                await tx.ExecuteAsync(ReturnSql, new
                {
                    FreeAt = tx.Now.AddSeconds(pause), Failures = failures, Error = error, loan.LentUntil,
                });
            },
            ct);

    [LoggerMessage(LogLevel.Warning, "The data platform did not take {Count} events, {Failures} times in a row")]
    private static partial void NotTaken(ILogger log, int count, int failures, Exception e);

    private sealed record Loan(
        DateTimeOffset LentAt, DateTimeOffset LentUntil, int Failures, IReadOnlyList<Row> Rows)
    {
        public FeedBatch ToBatch() => new(LentAt, Rows[0].Id, Rows[^1].Id, Rows.Select(row => row.Line));
    }

    private sealed record Row(long Id, string Line);
}
