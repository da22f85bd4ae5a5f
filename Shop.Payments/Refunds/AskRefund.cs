using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Payments.Payments;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Refunds;

/// <summary>
/// Ordering asks what became of a refund that it has frozen lines for. "Not found" would not be final, so the question
/// leaves a tombstone under the id: a late insert of that refund meets it and loses.
/// </summary>
internal static class AskRefund
{
    private const string FindSql = "select * from refunds where id = @id and payment_id = @paymentId";

    private const string BurySql = """
        insert into refunds
               (id, payment_id, cause, owed, reason, restock, card, points, status, failure, created_at, updated_at)
        values (@id, @paymentId, 'CUSTOMER', false, '', false, 0, 0, 'ABANDONED', @Failure, @Now, @Now)
            on conflict do nothing
        """;

    public sealed record Response(Guid RefundId, Guid PaymentId, RefundStatus Status, string? Failure);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Guid? paymentId, Database<PaymentsDb> database, CancellationToken ct)
    {
        if (paymentId is not { } payment) return Problems.Invalid("paymentId", "paymentId is required.");

        var refund = await database.TransactAsync(async tx =>
        {
            // A refund is stored under its payment's lock, so here it is there or it loses. A payment that is not there
            // has no refunds and never will: whoever asks for one has seen the payment.
            if (await Payment.LockAsync(tx, payment) is null) return null;
            if (await FindAsync(tx, id, payment) is { } found) return found;

            // Dying after this commit is the same as having answered: the next question finds the tombstone.
            await BuryAsync(tx, id, payment);
            return await FindAsync(tx, id, payment);
        }, ct);

        return TypedResults.Ok(refund is null or { Status: RefundStatus.Abandoned }
            ? new Response(id, payment, RefundStatus.Failed, Payment.AttemptAbandoned)
            : new Response(id, payment, refund.Status, refund.Failure));
    }

    /// <summary>Leaves a tombstone unless there is a row under that id; true if it was left now.</summary>
    public static async Task<bool> BuryAsync(Transaction<PaymentsDb> tx, Guid id, Guid paymentId) =>
        await tx.ExecuteAsync(BurySql, new { id, paymentId, Failure = Payment.AttemptAbandoned, tx.Now }) == 1;

    private static Task<Refund?> FindAsync(Transaction<PaymentsDb> tx, Guid id, Guid paymentId) =>
        tx.QuerySingleOrDefaultAsync<Refund>(FindSql, new { id, paymentId });
}
