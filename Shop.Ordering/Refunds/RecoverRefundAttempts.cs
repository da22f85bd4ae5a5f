using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;
using Shop.ServiceDefaults.Recovery;

namespace Shop.Ordering.Refunds;

/// <summary>
/// Attempts that have been open for long: Payments may have died before it stored the refund. Asks Payments, where the
/// question itself makes sure that an unknown refund never comes; one that is known ends by its event.
/// </summary>
internal static partial class RecoverRefundAttempts
{
    public const string Kind = "refund-attempts";

    public const string WaitingSql = "select started_at as since from refund_attempts where status = 'REQUESTED'";

    private const int BatchSize = 50;

    // Claimed by moving the next question: another replica takes others, and a stuck one does not hold up the rest.
    private const string ClaimSql = """
        with due as (
            select refund_id from refund_attempts
             where status = 'REQUESTED' and recover_at <= @Now
             order by recover_at
             limit @BatchSize
               for update skip locked
        )
        update refund_attempts a set recover_at = @Next
          from due where a.refund_id = due.refund_id
        returning a.refund_id, a.order_id, a.payment_id
        """;

    /// <summary>How many attempts were ended.</summary>
    public static async Task<int> RunAsync(IServiceProvider services, CancellationToken ct)
    {
        var database = services.GetRequiredService<Database<OrderingDb>>();
        var payments = services.GetRequiredService<PaymentsClient>();
        var age = services.GetRequiredService<OrderingOptions>().RecoveryAgeSeconds;
        var log = services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(RecoverRefundAttempts));

        var claimed = await database.TransactAsync(
            tx => tx.QueryAsync<Claim>(ClaimSql, new { tx.Now, Next = tx.Now.AddSeconds(age), BatchSize }), ct);
        // Dying here leaves them claimed until their next question is due.
        var results = new List<bool?>();
        foreach (var claim in claimed) results.Add(await TryRecoverAsync(claim));

        var turn = RecoveryTurn.Of(results);
        await RecoveryCounts.AddAsync(database.Source, Kind, turn, ct);
        return (int)turn.Recovered;

        // Null: it failed.
        async Task<bool?> TryRecoverAsync(Claim claim)
        {
            try
            {
                Crash.At("RecoverRefundAttempts:before-ask");
                var refund = await payments.AskRefundAsync(claim.PaymentId, claim.RefundId, ct);
                Crash.At("RecoverRefundAttempts:after-ask");
                if (refund.Status != "FAILED") return false;

                var failure = refund.Failure ?? PaymentFailures.Abandoned;
                return await database.TransactAsync(
                    async tx =>
                    {
                        await OrderRows.LockAsync(tx, claim.OrderId);
                        return await EndRefundAttempt.FailAsync(tx, claim.OrderId, claim.RefundId, failure);
                    }, ct);
            }
            catch (Exception e) when (!ct.IsCancellationRequested)
            {
                // One that can't be asked about must not keep the others of its batch frozen.
                NotRecovered(log, claim.RefundId, claim.OrderId, e);
                return null;
            }
        }
    }

    [LoggerMessage(LogLevel.Error, "Refund {RefundId} of order {OrderId} was not cleared up and is asked about again")]
    private static partial void NotRecovered(ILogger log, Guid refundId, Guid orderId, Exception e);

    private sealed record Claim(Guid RefundId, Guid OrderId, Guid PaymentId);
}
