using Shop.ServiceDefaults.Data;

namespace Shop.Payments.Points;

/// <summary>
/// The two ways a hold ends, each in the transaction that ends what it waited for: the points are gone, or they are
/// available again. Only a live hold ends, so whoever comes second changes nothing.
/// </summary>
internal static class SettleHold
{
    private const string OwnerSql = "select user_id from points_holds where id = @holdId";

    // What is captured leaves its lots; what is released is put back into them afterwards.
    private const string EndSql = """
        with hold as (
            update points_holds set status = @status, updated_at = @Now
             where id = @holdId and status = 'HELD'
            returning id, amount),
        lots as (
            update points_lots lot
               set held = lot.held - part.amount
              from points_hold_lots part join hold on hold.id = part.hold_id
             where lot.id = part.lot_id)
        select amount from hold
        """;

    private const string PartsSql = "select lot_id, amount from points_hold_lots where hold_id = @holdId";

    private const string ReleaseSql = """
        update points_accounts
           set available = available + @amount, held = held - @amount, updated_at = @Now
         where user_id = @UserId and held >= @amount
        """;

    /// <summary>Points that are gone for good.</summary>
    /// <param name="Entry">The number of the entry that says so.</param>
    public sealed record Captured(Guid UserId, long Amount, long Entry);

    /// <summary>
    /// The points are gone for good, under an entry of that kind. Null where no hold of this id is live. The ledger's
    /// postings belong to what the points were for.
    /// </summary>
    public static async Task<Captured?> CaptureAsync(Transaction<PaymentsDb> tx, Guid holdId, string kind)
    {
        if (await EndAsync(tx, holdId, "CAPTURED") is not var (account, amount)) return null;

        return new(account.UserId, amount, await account.BookAsync(tx, kind, holdId, held: -amount));
    }

    /// <summary>The points are the customer's again. False where no hold of this id is live.</summary>
    public static async Task<bool> ReleaseAsync(Transaction<PaymentsDb> tx, Guid holdId)
    {
        if (await EndAsync(tx, holdId, "RELEASED") is not var (account, amount)) return false;

        await PointsLots.PutBackAsync(tx, holdId, await tx.QueryAsync<PointsLots.Part>(PartsSql, new { holdId }));
        if (await tx.ExecuteAsync(ReleaseSql, new { account.UserId, amount, tx.Now }) != 1)
        {
            throw new InvalidOperationException($"Hold {holdId} is not in the account of {account.UserId}.");
        }

        await Ledger.PostAsync(
            tx, holdId, "POINTS_RELEASE", PointsAccount.Currency,
            new Posting(Accounts.HeldPoints(account.UserId), amount),
            new Posting(Accounts.CustomerPoints(account.UserId), -amount));
        return true;
    }

    private static async Task<(PointsAccount Account, long Amount)?> EndAsync(
        Transaction<PaymentsDb> tx, Guid holdId, string status)
    {
        if (await tx.QuerySingleOrDefaultAsync<Guid?>(OwnerSql, new { holdId }) is not { } userId) return null;

        var account = await PointsAccount.LockAsync(tx, userId)
            ?? throw new InvalidOperationException($"Hold {holdId} has no account.");
        return await tx.QuerySingleOrDefaultAsync<long?>(EndSql, new { holdId, status, tx.Now }) is { } amount
            ? (account, amount)
            : null;
    }
}
