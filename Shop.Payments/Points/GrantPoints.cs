using Shop.Payments.Payments;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Payments.Points;

/// <summary>A top-up whose money was captured fills its lot, in the same transaction: one point a minor unit.</summary>
internal static class GrantPoints
{
    private const string OpenLotSql = """
        insert into points_lots (id, user_id, amount, available, expires_at, created_at)
        values (@paymentId, @userId, @amount, 0, @expiresAt, @Now)
        """;

    private const string FillLotSql = """
        update points_lots set available = amount where id = @Id and available = 0 and held = 0
        """;

    /// <summary>
    /// With the top-up's request: its lot, still empty, so that how long the points last is fixed when they are asked
    /// for.
    /// </summary>
    public static async Task PromiseAsync(
        Transaction<PaymentsDb> tx, Guid paymentId, Guid userId, long amount, DateTimeOffset expiresAt)
    {
        await PointsAccount.OpenAsync(tx, userId);
        await tx.ExecuteAsync(OpenLotSql, new { paymentId, userId, amount, expiresAt, tx.Now });
    }

    public static async Task RunAsync(Transaction<PaymentsDb> tx, Payment payment)
    {
        var userId = payment.UserId!.Value;
        var account = await PointsAccount.LockAsync(tx, userId);
        if (account is null || await tx.ExecuteAsync(FillLotSql, new { payment.Id }) != 1)
        {
            throw new InvalidOperationException($"Top-up {payment.Id} has no lot to fill.");
        }

        var entry = await account.BookAsync(tx, PointsEntry.Charged, payment.Id, available: payment.Amount);
        await Ledger.PostAsync(
            tx, payment.Id, "CAPTURE", payment.Currency!,
            new Posting(Accounts.CardClearing, payment.CardAmount),
            new Posting(Accounts.CustomerPoints(userId), -payment.Amount));
        tx.Publish(new PointCharged(userId, payment.Id, payment.Amount, tx.Now), version: entry);
    }
}
