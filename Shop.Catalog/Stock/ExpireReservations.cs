using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;
using Shop.ServiceDefaults.Recovery;

namespace Shop.Catalog.Stock;

/// <summary>
/// Asks Ordering about holds that are overdue and does what it says (race 1): keep until then, commit, or give back.
/// Any number of replicas may run it: a claim moves a hold's next question away, so no lock is held while asking.
/// </summary>
internal static class ExpireReservations
{
    public const string Kind = "overdue-holds";

    public const string WaitingSql = """
        select expires_at as since from reservations where status = 'HELD' and expires_at < now()
        """;

    private const string ClaimSql = """
        update reservations
           set ask_again_at = @ClaimedUntil
         where order_id in (
               select order_id
                 from reservations
                where status = 'HELD' and ask_again_at <= @DueBefore
                order by ask_again_at
                limit @Batch
                  for update skip locked)
        returning order_id
        """;

    // Locked in the order of their ids, as wherever holds are locked: an update alone takes them in any order.
    private const string KeepSql = """
        with held as (
            select order_id
              from reservations
             where order_id = any(@Orders) and status = 'HELD'
             order by order_id
               for no key update)
        update reservations r
           set ask_again_at = greatest(kept.until, @Earliest)
          from held join unnest(@Orders, @Until) as kept (order_id, until) on kept.order_id = held.order_id
         where r.order_id = held.order_id
        """;

    /// <summary>One batch; answers how many holds came to their end.</summary>
    public static async Task<int> Handle(
        Database<CatalogDb> db, OrderingClient ordering, StockOptions options, CancellationToken ct)
    {
        // Dying after the claim: the holds are asked about again once it is over.
        var claimed = await db.TransactAsync(
            tx => tx.QueryAsync<Guid>(ClaimSql, new
            {
                ClaimedUntil = tx.Now.AddSeconds(options.SweepClaimSeconds),
                DueBefore = tx.Now.AddSeconds(-options.SweepGraceSeconds),
                Batch = options.SweepBatch,
            }),
            ct);
        if (claimed.Count == 0) return 0;

        var turn = new RecoveryTurn(claimed.Count, 0, Failed: claimed.Count);
        try
        {
            var ended = await EndAsync(db, ordering, options, claimed, ct);
            turn = new(claimed.Count, ended, 0);
            return ended;
        }
        finally
        {
            await RecoveryCounts.AddAsync(db.Source, Kind, turn, ct);
        }
    }

    private static async Task<int> EndAsync(
        Database<CatalogDb> db, OrderingClient ordering, StockOptions options, IReadOnlyList<Guid> claimed,
        CancellationToken ct)
    {
        Crash.At("ExpireReservations:before-ask");
        var answers = await ordering.HoldVerdictsAsync(claimed, ct);
        // Dying here: Ordering's tombstones stand, and the holds are asked about again.
        Crash.At("ExpireReservations:after-ask");
        await KeepAsync(db, [.. answers.Where(a => a.Verdict == OrderingClient.Answer.Keep)], options, ct);

        // Dying before this commit: asked again, the same answer, and each hold ends once.
        ResolveHolds.Item[] ended =
        [
            .. from answer in answers
               where answer.Verdict != OrderingClient.Answer.Keep && claimed.Contains(answer.OrderId)
               select new ResolveHolds.Item(
                   answer.OrderId,
                   answer.Verdict == OrderingClient.Answer.Commit ? HoldCommand.Commit : HoldCommand.Expire),
        ];
        if (ended.Length > 0) await ResolveHolds.RunAsync(db, ended, ct);
        return ended.Length;
    }

    private static async Task KeepAsync(
        Database<CatalogDb> db, OrderingClient.HoldAnswer[] kept, StockOptions options, CancellationToken ct)
    {
        if (kept.Length == 0) return;

        await db.TransactAsync(
            async tx =>
            {
                var earliest = tx.Now.AddSeconds(options.AskAgainSeconds);
                await tx.ExecuteAsync(KeepSql, new
                {
                    Orders = kept.Select(answer => answer.OrderId).ToArray(),
                    Until = kept.Select(answer => answer.Until ?? earliest).ToArray(),
                    Earliest = earliest,
                });
            },
            ct);
    }
}
