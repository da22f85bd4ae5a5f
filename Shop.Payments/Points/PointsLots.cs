using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Idempotency;

namespace Shop.Payments.Points;

/// <summary>Points that come back to the lots they came from.</summary>
internal static class PointsLots
{
    /// <summary>How long points live that come back after their lot's date.</summary>
    public const int LateDays = 7;

    // A lot's date never moves, or the rest of it would live longer too: what is late becomes a lot of its own. A lot
    // that was swept stays closed, also for a process whose clock is behind the sweeper's.
    private const string PutBackSql = """
        with part as (
            select * from unnest(@Lots, @Amounts, @LateLots) as p (lot_id, amount, late_lot_id)),
        back as (
            update points_lots lot
               set available = lot.available + part.amount
              from part
             where lot.id = part.lot_id and lot.expires_at > @Now and lot.expired_at is null
            returning lot.id),
        late as (
            insert into points_lots (id, user_id, origin_id, amount, available, expires_at, created_at)
            select part.late_lot_id, lot.user_id, lot.id, part.amount, part.amount, @LateUntil, @Now
              from part join points_lots lot on lot.id = part.lot_id
             where not exists (select from back where back.id = part.lot_id)
            returning id)
        select (select count(*) from back) + (select count(*) from late)
        """;

    /// <summary>
    /// Makes points of a locked account available in their lots again; the account's row is the caller's to change.
    /// </summary>
    /// <param name="sourceId">The hold or refund that they come back from, once.</param>
    public static async Task PutBackAsync(Transaction<PaymentsDb> tx, Guid sourceId, IReadOnlyList<Part> parts)
    {
        var put = await tx.QuerySingleOrDefaultAsync<long>(PutBackSql, new
        {
            Lots = parts.Select(part => part.LotId).ToArray(),
            Amounts = parts.Select(part => part.Amount).ToArray(),
            LateLots = parts.Select(part => DerivedId.From(sourceId, "late-lot", part.LotId.ToString())).ToArray(),
            LateUntil = tx.Now.AddDays(LateDays),
            tx.Now,
        });
        if (put != parts.Count) throw new InvalidOperationException($"A lot that {sourceId} came from is gone.");
    }

    internal sealed class Part
    {
        public Guid LotId { get; init; }

        public long Amount { get; init; }
    }
}
