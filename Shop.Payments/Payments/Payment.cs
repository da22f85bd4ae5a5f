using System.Diagnostics;
using Shop.ServiceDefaults.Data;

namespace Shop.Payments.Payments;

/// <summary>
/// One try to take the money of an order, or of a points charge. Amounts are minor units of <see cref="Currency"/>;
/// Amount = CardAmount + PointsAmount, refunded never exceeds captured on either leg, and at most one payment of an
/// order is REQUESTED, PROCESSING or COMPLETED: the database holds all three. It changes through conditional updates
/// decided by <see cref="PaymentStates"/>; this class is how a row reads. An ABANDONED row has only its id and order.
/// </summary>
public sealed class Payment
{
    public const string Order = "ORDER";

    /// <summary>Points for money; it has no order.</summary>
    public const string TopUp = "TOP_UP";

    /// <summary>The failure of a tombstone.</summary>
    public const string AttemptAbandoned = "attempt-abandoned";

    private const string LockSql = "select * from payments where id = @id for update";

    private const string TransitionSql = """
        insert into payment_transitions (payment_id, version, from_status, to_status, cause, trace_id, at)
        values (@Id, @Version, @From, @To, @Cause, @TraceId, @Now)
        """;

    public Guid Id { get; private set; }

    public Guid? OrderId { get; private set; }

    public Guid? UserId { get; private set; }

    public string Purpose { get; private set; } = Order;

    public string? Method { get; private set; }

    public string? CardToken { get; private set; }

    public string? Currency { get; private set; }

    public long Amount { get; private set; }

    public long CardAmount { get; private set; }

    public long PointsAmount { get; private set; }

    public long CardCaptured { get; private set; }

    public long PointsCaptured { get; private set; }

    public long CardRefunded { get; private set; }

    public long PointsRefunded { get; private set; }

    /// <summary>What was captured and is not on its way back.</summary>
    public long Left => CardCaptured - CardRefunded + PointsCaptured - PointsRefunded;

    public PaymentStatus Status { get; private set; }

    public string? Failure { get; private set; }

    public bool VoidDue { get; private set; }

    public long Version { get; private set; }

    public int AskCount { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    /// <summary>The row, locked until the transaction ends, or null.</summary>
    internal static Task<Payment?> LockAsync(Transaction<PaymentsDb> tx, Guid id) =>
        tx.QuerySingleOrDefaultAsync<Payment>(LockSql, new { id });

    /// <summary>Another order's payment counts as unknown (race 2).</summary>
    internal static async Task<Payment?> LockAsync(Transaction<PaymentsDb> tx, Guid id, Guid orderId) =>
        await LockAsync(tx, id) is { } payment && payment.OrderId == orderId ? payment : null;

    /// <summary>Records the change to <paramref name="to"/> that has just been made under the row's lock.</summary>
    internal async Task RecordAsync(
        Transaction<PaymentsDb> tx, PaymentStatus to, string? failure, string cause, long version)
    {
        await tx.ExecuteAsync(TransitionSql, new
        {
            Id,
            Version = version,
            From = Status.Name(),
            To = to.Name(),
            Cause = cause,
            TraceId = Activity.Current?.TraceId.ToHexString(),
            tx.Now,
        });
        Status = to;
        Failure = failure;
        Version = version;
    }
}
