using Shop.ServiceDefaults.Data;

namespace Shop.Payments.Points;

/// <summary>
/// Sets points aside until it is known what becomes of them, from the lots that expire first. All or nothing: the
/// account's lock is taken before the lots are read, so that of many who want the same points one gets them.
/// </summary>
internal static class HoldPoints
{
    // Two conditions decide: the account has as much, and lots that are not past their date add up to it.
    private const string HoldSql = """
        with spendable as (
            select id, available,
                   sum(available) over (order by (id = @first) is not true, expires_at, id) - available as before
              from points_lots
             where user_id = @userId and available > 0 and expires_at > @Now),
        part as (
            select id, least(available, @amount - before)::bigint as amount
              from spendable
             where before < @amount),
        account as (
            update points_accounts
               set available = available - @amount, held = held + @amount, updated_at = @Now
             where user_id = @userId and available >= @amount and (select sum(amount) from part) = @amount
            returning user_id),
        hold as (
            insert into points_holds (id, user_id, amount, status, created_at, updated_at)
            select @holdId, user_id, @amount, 'HELD', @Now, @Now from account
            returning id),
        lots as (
            update points_lots lot
               set available = lot.available - part.amount, held = lot.held + part.amount
              from part, hold
             where lot.id = part.id)
        insert into points_hold_lots (hold_id, lot_id, amount)
        select hold.id, part.id, part.amount from hold, part
        """;

    /// <summary>False where there are not enough points; nothing is changed then.</summary>
    /// <param name="holdId">The payment that the points pay, or the refund that takes them back.</param>
    /// <param name="first">A lot to take from before all others.</param>
    public static async Task<bool> RunAsync(
        Transaction<PaymentsDb> tx, Guid holdId, Guid userId, long amount, Guid? first = null)
    {
        if (await PointsAccount.LockAsync(tx, userId) is null) return false;
        if (await tx.ExecuteAsync(HoldSql, new { holdId, userId, amount, first, tx.Now }) == 0) return false;

        await Ledger.PostAsync(
            tx, holdId, "POINTS_HOLD", PointsAccount.Currency,
            new Posting(Accounts.CustomerPoints(userId), amount),
            new Posting(Accounts.HeldPoints(userId), -amount));
        return true;
    }
}
