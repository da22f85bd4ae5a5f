using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;
using Shop.ServiceDefaults.Recovery;

namespace Shop.Ordering.Orders;

/// <summary>
/// Orders that have been PAYMENT_PENDING for long: whoever was to start or to settle their payment may have died. Asks
/// Payments for the truth and settles by it; a payment that is still under way is asked about again later.
/// </summary>
internal static partial class RecoverPaymentStarts
{
    public const string Kind = "orders-in-payment";
    public const string CancelKind = "cancel-requests";

    public const string WaitingSql = """
        select updated_at as since from orders where status = 'PAYMENT_PENDING' and not cancel_requested
        """;

    public const string CancelWaitingSql = """
        select updated_at as since from orders where status = 'PAYMENT_PENDING' and cancel_requested
        """;

    private const int BatchSize = 50;

    // Claimed by moving the next question: another replica takes others, and a stuck one does not hold up the rest.
    private const string ClaimSql = """
        with due as (
            select id from orders
             where status = 'PAYMENT_PENDING' and recover_at <= @Now
             order by recover_at
             limit @BatchSize
               for update skip locked
        )
        update orders o set recover_at = @Next
          from due where o.id = due.id
        returning o.id as order_id, o.payment_id, o.cancel_requested
        """;

    /// <summary>How many orders were settled.</summary>
    public static async Task<int> RunAsync(IServiceProvider services, CancellationToken ct)
    {
        var database = services.GetRequiredService<Database<OrderingDb>>();
        var payments = services.GetRequiredService<PaymentsClient>();
        var age = services.GetRequiredService<OrderingOptions>().RecoveryAgeSeconds;
        var log = services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(RecoverPaymentStarts));

        var claimed = await database.TransactAsync(
            tx => tx.QueryAsync<Claim>(ClaimSql, new { tx.Now, Next = tx.Now.AddSeconds(age), BatchSize }), ct);
        // Dying here leaves them claimed until their next question is due.
        var settled = 0;
        foreach (var kind in claimed.GroupBy(claim => claim.CancelRequested ? CancelKind : Kind))
        {
            var results = new List<bool?>();
            foreach (var claim in kind) results.Add(await TryRecoverAsync(claim.OrderId, claim.PaymentId));

            var turn = RecoveryTurn.Of(results);
            settled += (int)turn.Recovered;
            await RecoveryCounts.AddAsync(database.Source, kind.Key, turn, ct);
        }

        return settled;

        // Null: it failed.
        async Task<bool?> TryRecoverAsync(Guid orderId, Guid paymentId)
        {
            try
            {
                Crash.At("RecoverPaymentStarts:before-ask");
                var state = await payments.AskAsync(orderId, paymentId, ct);
                Crash.At("RecoverPaymentStarts:after-ask");
                return await SettleAsync(database, orderId, state, ct);
            }
            catch (Exception e) when (!ct.IsCancellationRequested)
            {
                // One order that can't be settled must not keep the others of its batch; the proof names it if it
                // stays so.
                NotRecovered(log, orderId, paymentId, e);
                return null;
            }
        }
    }

    private static async Task<bool> SettleAsync(
        Database<OrderingDb> database, Guid orderId, PaymentsClient.PaymentState state, CancellationToken ct)
    {
        const string cause = "recovered";
        switch (state.Status)
        {
            case "COMPLETED":
                await database.TransactAsync(
                    tx => SettlePayment.CompleteAsync(tx, orderId, state.PaymentId, cause, null), ct);
                return true;
            case "FAILED":
                var failure = state.Failure ?? PaymentFailures.Abandoned;
                await database.TransactAsync(
                    tx => SettlePayment.FailAsync(tx, orderId, state.PaymentId, failure, cause, null), ct);
                return true;
            default:
                return false;
        }
    }

    [LoggerMessage(LogLevel.Error, "Order {OrderId} was not settled by payment {PaymentId} and is asked about again")]
    private static partial void NotRecovered(ILogger log, Guid orderId, Guid paymentId, Exception e);

    private sealed record Claim(Guid OrderId, Guid PaymentId, bool CancelRequested);
}
