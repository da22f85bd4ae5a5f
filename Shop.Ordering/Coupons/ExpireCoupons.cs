using Shop.ServiceDefaults.Data;

namespace Shop.Ordering.Coupons;

/// <summary>
/// Ends coupons that nobody used in time. The condition of this UPDATE decides against an order that takes one at the
/// same moment: one of the two finds the row changed. What an order holds does not end here. Any number of replicas
/// may run it.
/// </summary>
internal static class ExpireCoupons
{
    private const int BatchSize = 500;

    private const string Sql = """
        with due as (
            select id from user_coupons
             where status = 'ISSUED' and expires_at <= @Now
             order by expires_at
             limit @BatchSize
               for update skip locked
        )
        update user_coupons u set status = 'EXPIRED', version = version + 1, updated_at = @Now
          from due where u.id = due.id and u.status = 'ISSUED'
        """;

    public static async Task<int> RunAsync(IServiceProvider services, CancellationToken ct)
    {
        var database = services.GetRequiredService<Database<OrderingDb>>();
        // Dying before the commit leaves them due.
        return await database.TransactAsync(tx => tx.ExecuteAsync(Sql, new { tx.Now, BatchSize }), ct);
    }
}
