using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Payments;

/// <summary>
/// Ordering asks what became of a payment. "Not found" would not be final, so the question leaves a tombstone under
/// the id: a late insert of that payment meets it and loses.
/// </summary>
internal static class AskPayment
{
    // Only where there is no row at all: a payment of another order stays what it is.
    private const string BurySql = """
        insert into payments (id, order_id, amount, card_amount, points_amount, status, failure, created_at, updated_at)
        values (@paymentId, @orderId, 0, 0, 0, 'ABANDONED', @Failure, @Now, @Now)
            on conflict do nothing
        """;

    private const string FindSql = """
        select id, order_id, status, failure from payments where id = @paymentId and order_id = @orderId
        """;

    public sealed record Response(Guid PaymentId, Guid OrderId, PaymentStatus Status, string? Failure);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Guid? orderId, Database<PaymentsDb> database, CancellationToken ct)
    {
        if (orderId is not { } order) return Problems.Invalid("orderId", "orderId is required.");

        var payment = await database.TransactAsync(async tx =>
        {
            var found = await FindAsync(tx, id, order);
            if (found is not null) return found;

            // Dying after this commit is the same as having answered: the next question finds the tombstone.
            await BuryAsync(tx, id, order);
            return await FindAsync(tx, id, order);
        }, ct);

        return TypedResults.Ok(payment switch
        {
            null or { Status: PaymentStatus.Abandoned } =>
                new Response(id, order, PaymentStatus.Failed, Payment.AttemptAbandoned),
            _ => new Response(id, order, payment.Status, payment.Failure),
        });
    }

    /// <summary>Leaves a tombstone unless there is a row under that id; true if it was left now.</summary>
    public static async Task<bool> BuryAsync(Transaction<PaymentsDb> tx, Guid paymentId, Guid orderId) =>
        await tx.ExecuteAsync(BurySql, new { paymentId, orderId, Failure = Payment.AttemptAbandoned, tx.Now }) == 1;

    private static Task<Payment?> FindAsync(Transaction<PaymentsDb> tx, Guid paymentId, Guid orderId) =>
        tx.QuerySingleOrDefaultAsync<Payment>(FindSql, new { paymentId, orderId });
}
