using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Catalog.Popularity;

/// <summary>Notes that the order is to be counted. Its lines are asked for outside of any transaction.</summary>
internal static class OnOrderPaid
{
    private const string Sql = """
        insert into popularity_orders as o (order_id, user_id, paid_at, ask_at)
        values (@OrderId, @UserId, @PaidAt, @Now)
            on conflict (order_id) do update
           set user_id = excluded.user_id, paid_at = excluded.paid_at, ask_at = excluded.ask_at
         where o.paid_at is null
        """; // 0 rows: noted before.

    public static async Task<Verdict> Handle(OrderPaid paid, HandlerContext<CatalogDb> context)
    {
        var tx = context.Transaction;
        var noted = await tx.ExecuteAsync(Sql, new { paid.OrderId, paid.UserId, paid.PaidAt, tx.Now });
        return noted == 1 ? Verdict.Applied : Verdict.AlreadyApplied;
    }
}
