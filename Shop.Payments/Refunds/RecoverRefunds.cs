using Dapper;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Recovery;

namespace Shop.Payments.Refunds;

/// <summary>
/// Sends again what was not given back: a refund whose event was lost, whose worker died, or that the processor
/// refused or did not answer.
/// </summary>
internal sealed class RecoverRefunds(
    Database<PaymentsDb> database, SendRefund sender, PaymentsOptions options, ILogger<RecoverRefunds> log)
{
    public const string Kind = "refunds";

    public const string WaitingSql = """
        select created_at as since from refunds where status in ('REQUESTED', 'PROCESSING')
        """;

    private const string EndedSql = """
        select count(*) from refunds where id = any (@ids) and status in ('COMPLETED', 'FAILED')
        """;

    private const string Cause = "sweep";
    private const int Parallel = 8;

    // A REQUESTED one has its event's worker first: it is taken only once it is as old as a lost event.
    private const string ClaimSql = """
        with due as (
            select id from refunds
             where next_try_at <= case status when 'REQUESTED' then @lostBefore else @now end
             order by next_try_at
             limit @SweepBatch
               for update skip locked)
        update refunds r
           set next_try_at = @until, try_count = try_count + case r.status when 'PROCESSING' then 1 else 0 end
          from due
         where r.id = due.id
        returning r.*
        """;

    public static Task<int> Run(IServiceProvider services, CancellationToken ct) =>
        services.GetRequiredService<RecoverRefunds>().RunAsync(ct);

    public async Task<int> RunAsync(CancellationToken ct)
    {
        var claimed = await database.TransactAsync(async tx => (await tx.QueryAsync<Refund>(ClaimSql, new
        {
            now = tx.Now,
            lostBefore = tx.Now - options.RequestedAge,
            until = tx.Now + options.Lease,
            options.SweepBatch,
        })).AsList(), ct);

        // Dying from here on costs the lease: the next sweep after it finds the same refunds.
        var failed = 0;
        await System.Threading.Tasks.Parallel.ForEachAsync(
            claimed, new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = ct },
            async (refund, token) =>
            {
                if (!await TryRecoverAsync(refund, token)) Interlocked.Increment(ref failed);
            });
        if (claimed.Count == 0) return 0;

        var ids = claimed.ConvertAll(refund => refund.Id).ToArray();
        var ended = await database.TransactAsync(
            tx => tx.QuerySingleOrDefaultAsync<long>(EndedSql, new { ids }), ct);
        await RecoveryCounts.AddAsync(database.Source, Kind, new(claimed.Count, ended, failed), ct);
        return claimed.Count;
    }

    private async Task<bool> TryRecoverAsync(Refund refund, CancellationToken ct)
    {
        try
        {
            if (refund.Status == RefundStatus.Processing || await StartAsync(refund, ct))
            {
                await sender.RunAsync(refund, Cause, ct);
            }

            return true;
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            // One refund that can't be handled must not keep the others of its batch from being finished.
            log.LogError(e, "Refund {RefundId} was not recovered and is tried again after its lease", refund.Id);
            return false;
        }
    }

    /// <summary>False: the event's worker was faster.</summary>
    private Task<bool> StartAsync(Refund claimed, CancellationToken ct) =>
        database.TransactAsync(async tx =>
        {
            if (await Refund.LockAsync(tx, claimed.Id) is not { Status: RefundStatus.Requested } refund) return false;

            await OnRefundRequested.StartAsync(tx, refund, options, Cause);
            return true;
        }, ct);
}
