using System.Diagnostics;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Idempotency;

namespace Shop.Ordering.Orders;

/// <summary>What several slices do to the rows of one order inside their transaction.</summary>
internal static class OrderRows
{
    public const string Columns = """
        id, user_id, status as status_text, version, subtotal_minor, discount_minor, total_minor, currency,
        payment_id, one_call, cancel_requested, cancel_reason, restock, coupon_id, coupon_code, coupon_not_applied,
        idempotency_key, fingerprint, answer_status, answer, expires_at, created_at, updated_at
        """;

    private const string LockSql = $"select {Columns} from orders where id = @OrderId for update";

    // Two statements: a row that another transaction is just inserting is waited for by the first and seen by the next.
    private const string TombstoneSql = """
        insert into orders (id, status, answer_status, answer, created_at, updated_at)
        values (@OrderId, 'ABANDONED', @AnswerStatus, @Answer::json, @Now, @Now)
            on conflict (id) do nothing
        """;

    private const string IsAbandonedSql = "select status = 'ABANDONED' from orders where id = @OrderId";

    private const string RefundDueSql = """
        insert into refund_dues (refund_id, order_id, payment_id, reason, restock, due_at)
        values (@RefundId, @OrderId, @PaymentId, @Reason, @Restock, @Now)
            on conflict (refund_id) do nothing
        """;

    /// <summary>The order, locked until the transaction ends: nobody else decides about it meanwhile.</summary>
    public static Task<Order?> LockAsync(Transaction<OrderingDb> tx, Guid orderId) =>
        tx.QuerySingleOrDefaultAsync<Order>(LockSql, new { OrderId = orderId });

    /// <summary>
    /// Makes sure that this order will never be, unless it is there already: true where it will not, so that what was
    /// held for it may be given back.
    /// </summary>
    /// <param name="answer">What its request is to hear for ever, if the request is the reason.</param>
    public static async Task<bool> AbandonAsync(
        Transaction<OrderingDb> tx, Guid orderId, (short Status, string Answer)? answer = null)
    {
        await tx.ExecuteAsync(
            TombstoneSql, new { OrderId = orderId, AnswerStatus = answer?.Status, answer?.Answer, tx.Now });
        return await tx.QuerySingleOrDefaultAsync<bool>(IsAbandonedSql, new { OrderId = orderId });
    }

    /// <summary>
    /// Asks for everything back that is left of a payment, once per payment and reason. The version is the one the
    /// event is published under.
    /// </summary>
    public static async Task<bool> PublishRefundDueAsync(
        Transaction<OrderingDb> tx, Guid orderId, Guid paymentId, string reason, bool restock, long version)
    {
        var refundId = DerivedRefundId(paymentId, reason);
        var inserted = await tx.ExecuteAsync(
            RefundDueSql,
            new
            {
                RefundId = refundId, OrderId = orderId, PaymentId = paymentId, Reason = reason, Restock = restock,
                tx.Now,
            });
        if (inserted == 0) return false;
        tx.Publish(new OrderRefundDue(orderId, paymentId, refundId, restock, reason, tx.Now), version);
        return true;
    }

    public static Guid DerivedRefundId(Guid paymentId, string cause) =>
        DerivedId.From(paymentId, "refund", cause);

    /// <summary>The trace in which a change happens, for the order's timeline.</summary>
    public static string? TraceId => Activity.Current?.TraceId.ToHexString();

    /// <summary>A conditional UPDATE under the row's lock changes it, or the code is wrong.</summary>
    public static long Changed(long? version) =>
        version ?? throw new InvalidOperationException("An order that was decided about under lock did not change.");
}
