using Shop.ServiceDefaults.Data;

namespace Shop.Ordering.Webhooks;

/// <summary>
/// Keeps the deliveries of a receiver that stays away from growing without limit: those that waited too long are given
/// up, and those that ended are removed after some days. An event that comes again is stopped by the inbox.
/// </summary>
internal static class ForgetDeliveries
{
    private const int BatchSize = 1_000;

    private const string GiveUpSql = """
        with old as (
            select webhook_id, event_id from webhook_deliveries
             where created_at < @TooOld and delivered_at is null and given_up_at is null
             order by created_at
             limit @BatchSize
               for update skip locked
        )
        update webhook_deliveries d
           set given_up_at = @Now, last_error = coalesce(last_error, 'its turn did not come in time')
          from old where d.webhook_id = old.webhook_id and d.event_id = old.event_id
        """;

    private const string RemoveSql = """
        with old as (
            select webhook_id, event_id from webhook_deliveries
             where created_at < @Forgotten and (delivered_at is not null or given_up_at is not null)
             order by created_at
             limit @BatchSize
               for update skip locked
        )
        delete from webhook_deliveries d
         using old where d.webhook_id = old.webhook_id and d.event_id = old.event_id
        """;

    public static Task<int> RunAsync(IServiceProvider services, CancellationToken ct)
    {
        var options = services.GetRequiredService<WebhookOptions>();
        return services.GetRequiredService<Database<OrderingDb>>().TransactAsync(
            async tx =>
            {
                var tooOld = tx.Now.AddHours(-options.GiveUpHours);
                var forgotten = tx.Now.AddDays(-options.KeepDays);
                return await tx.ExecuteAsync(GiveUpSql, new { tx.Now, TooOld = tooOld, BatchSize })
                    + await tx.ExecuteAsync(RemoveSql, new { Forgotten = forgotten, BatchSize });
            },
            ct);
    }
}
