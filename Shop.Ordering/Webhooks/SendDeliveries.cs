using Shop.ServiceDefaults.Data;

namespace Shop.Ordering.Webhooks;

/// <summary>
/// Sends what is due, one round over all webhooks at a time. A receiver that takes nothing in a round is left alone for
/// a growing pause, so that it does not slow down the others, and each of its deliveries is given up after a number of
/// attempts. Whoever dies with deliveries lets them become due again: a receiver may get one twice, never not at all.
/// </summary>
internal static partial class SendDeliveries
{
    private const int BatchSize = 200;
    private const int BatchOfOne = 50;
    private const int LeaseSeconds = 30;
    private const int MaxDoublings = 20;

    // The webhook that has waited longest comes first. Lent by moving the next attempt.
    private const string LendSql = """
        with due as (
            select d.webhook_id, d.event_id, w.url, w.secret, w.failures
              from webhooks w
             cross join lateral (
                   select webhook_id, event_id from webhook_deliveries
                    where webhook_id = w.id and next_at <= @Now and delivered_at is null and given_up_at is null
                    order by next_at
                    limit @BatchOfOne
                      for update skip locked) as d
             where w.resume_at <= @Now
             order by w.resume_at
             limit @BatchSize
        )
        update webhook_deliveries d set attempts = attempts + 1, next_at = @LentUntil
          from due where d.webhook_id = due.webhook_id and d.event_id = due.event_id
        returning d.webhook_id, d.event_id, d.body, d.attempts, due.url, due.secret, due.failures
        """;

    private const string RecordSql = """
        update webhook_deliveries d
           set delivered_at = case when o.error is null then @Now end, last_error = o.error,
               given_up_at = case when o.error is not null and d.attempts >= @Attempts then @Now end,
               next_at = o.next_at
          from unnest(@WebhookIds, @EventIds, @Errors, @NextAts) as o (webhook_id, event_id, error, next_at)
         where d.webhook_id = o.webhook_id and d.event_id = o.event_id
           and d.delivered_at is null and d.given_up_at is null
        """; // Fewer rows: another sender, who had them after us, ended them, or their webhook is gone.

    private const string ResumeSql = """
        update webhooks w set failures = o.failures, resume_at = o.resume_at
          from unnest(@Ids, @Failures, @ResumeAts) as o (id, failures, resume_at)
         where w.id = o.id
        """;

    /// <summary>How many were tried.</summary>
    public static async Task<int> RunAsync(IServiceProvider services, CancellationToken ct)
    {
        var database = services.GetRequiredService<Database<OrderingDb>>();
        var options = services.GetRequiredService<WebhookOptions>();
        var sender = services.GetRequiredService<WebhookSender>();
        var log = services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(SendDeliveries));

        var lease = TimeSpan.FromSeconds(options.TimeoutSeconds + LeaseSeconds);
        var due = await database.TransactAsync(
            tx => tx.QueryAsync<Due>(LendSql, new { tx.Now, LentUntil = tx.Now + lease, BatchSize, BatchOfOne }), ct);
        if (due.Count == 0) return 0;

        var outcomes = await Task.WhenAll(due.Select(async delivery => new Outcome(
            delivery, await sender.TrySendAsync(delivery.Url, delivery.Secret, delivery.Body, ct))));
        // Dying here sends them once more.
        await RecordAsync(database, options, outcomes, ct);
        foreach (var (delivery, error) in outcomes)
        {
            if (error is null || delivery.Attempts < options.Attempts) continue;
            GivenUp(log, delivery.EventId, delivery.WebhookId, delivery.Attempts, error);
        }

        return due.Count;
    }

    private static Task RecordAsync(
        Database<OrderingDb> database, WebhookOptions options, IReadOnlyList<Outcome> outcomes, CancellationToken ct)
    {
        var rounds = outcomes.GroupBy(outcome => outcome.Delivery.WebhookId).OrderBy(round => round.Key)
            .Select(round => (
                Id: round.Key,
                Failures: round.Any(outcome => outcome.Error is null) ? 0 : round.First().Delivery.Failures + 1))
            .ToArray();
        return database.TransactAsync(
            async tx =>
            {
                var now = tx.Now;
                await tx.ExecuteAsync(RecordSql, new
                {
                    Now = now, options.Attempts,
                    WebhookIds = outcomes.Select(outcome => outcome.Delivery.WebhookId).ToArray(),
                    EventIds = outcomes.Select(outcome => outcome.Delivery.EventId).ToArray(),
                    Errors = outcomes.Select(outcome => outcome.Error).ToArray(),
                    NextAts = outcomes.Select(o => now + PauseAfter(o.Delivery.Attempts, options)).ToArray(),
                });
                await tx.ExecuteAsync(ResumeSql, new
                {
                    Ids = rounds.Select(round => round.Id).ToArray(),
                    Failures = rounds.Select(round => round.Failures).ToArray(),
                    ResumeAts = rounds.Select(round => now + PauseAfter(round.Failures, options)).ToArray(),
                });
            },
            ct);
    }

    private static TimeSpan PauseAfter(int failures, WebhookOptions options) => failures == 0
        ? TimeSpan.Zero
        : TimeSpan.FromSeconds(Math.Min(
            options.MaxPauseSeconds, options.RetrySeconds * Math.Pow(2, Math.Min(failures - 1, MaxDoublings))));

    [LoggerMessage(
        LogLevel.Warning, "Event {EventId} for webhook {WebhookId} is given up after {Attempts} attempts: {Error}")]
    private static partial void GivenUp(ILogger log, Guid eventId, Guid webhookId, int attempts, string error);

    private sealed record Due(
        Guid WebhookId, Guid EventId, string Body, int Attempts, string Url, byte[] Secret, int Failures);

    /// <param name="Error">Why it was not taken; null: it was.</param>
    private sealed record Outcome(Due Delivery, string? Error);
}
