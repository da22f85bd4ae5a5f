using System.Diagnostics;
using Shop.ServiceDefaults.Data;

namespace Shop.Payments.Refunds;

/// <summary>
/// REQUESTED -> PROCESSING -> COMPLETED, or FAILED with its room given back unless the shop owes it. ABANDONED is a
/// tombstone: somebody asked about a refund that was not there, and now it never will be.
/// </summary>
public enum RefundStatus
{
    Requested,
    Processing,
    Completed,
    Failed,
    Abandoned,
}

/// <summary>Why money goes back.</summary>
internal static class RefundCauses
{
    /// <summary>The buyer, or an admin for them, asked for it.</summary>
    public const string Customer = "CUSTOMER";

    /// <summary>The order can't take a completed payment, or was cancelled after it.</summary>
    public const string Order = "ORDER";

    /// <summary>The processor captured a payment that had ended already.</summary>
    public const string LateCapture = "LATE_CAPTURE";
}

/// <summary>
/// Money on its way back, in minor units of the payment's currency. Both legs were allocated on the payment's row in
/// the transaction that made the refund, so refunds together can't exceed what was captured.
/// </summary>
public sealed class Refund
{
    private const string LockSql = "select * from refunds where id = @id for update";

    private const string LockPaymentSql = """
        select 1 from payments where id = (select payment_id from refunds where id = @id) for update
        """;

    private const string TransitionSql = """
        insert into refund_transitions (refund_id, from_status, to_status, cause, trace_id, at)
        values (@Id, @From, @To, @Cause, @TraceId, @Now)
        """;

    // Every change of these is made under the payment's lock.
    private const string PaidLinesSql = """
        select product_id, quantity, amount, refunded_quantity, refunded_amount
          from payment_lines where payment_id = @paymentId order by product_id
        """;

    public Guid Id { get; private set; }

    public Guid PaymentId { get; private set; }

    public string Cause { get; private set; } = "";

    public bool Owed { get; private set; }

    public string Reason { get; private set; } = "";

    public bool Restock { get; private set; }

    public long Card { get; private set; }

    public long Points { get; private set; }

    public RefundStatus Status { get; private set; }

    public string? Failure { get; private set; }

    public int TryCount { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    internal static Task<Refund?> LockAsync(Transaction<PaymentsDb> tx, Guid id) =>
        tx.QuerySingleOrDefaultAsync<Refund>(LockSql, new { id });

    /// <summary>
    /// The row, with its payment's row locked before it: for whoever changes both. Those who make refunds take the
    /// payment first, and the two would deadlock in another order.
    /// </summary>
    internal static async Task<Refund?> LockAfterPaymentAsync(Transaction<PaymentsDb> tx, Guid id)
    {
        await tx.ExecuteAsync(LockPaymentSql, new { id });
        return await LockAsync(tx, id);
    }

    internal static Task<IReadOnlyList<PaidLine>> PaidLinesAsync(Transaction<PaymentsDb> tx, Guid paymentId) =>
        tx.QueryAsync<PaidLine>(PaidLinesSql, new { paymentId });

    /// <summary>The lines as they are just now: what is decided by them is decided again under the lock.</summary>
    internal static Task<IReadOnlyList<PaidLine>> PaidLinesAsync(
        Database<PaymentsDb> database, Guid paymentId, CancellationToken ct) =>
        database.QueryAsync<PaidLine>(PaidLinesSql, new { paymentId }, ct);

    internal static Task RecordAsync(
        Transaction<PaymentsDb> tx, Guid id, RefundStatus? from, RefundStatus to, string cause) =>
        tx.ExecuteAsync(TransitionSql, new
        {
            Id = id,
            From = from?.Name(),
            To = to.Name(),
            Cause = cause,
            TraceId = Activity.Current?.TraceId.ToHexString(),
            tx.Now,
        });
}

internal static class RefundStatusNames
{
    public static string Name(this RefundStatus status) => status.ToString().ToUpperInvariant();
}
