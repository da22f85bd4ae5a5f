using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Orders;

/// <summary>
/// Catalog asks what to do with holds whose time is over. The order decides; where there is none, a tombstone makes
/// sure that there never will be one, and the hold may go.
/// </summary>
internal static class HoldVerdicts
{
    public const int MaxOrders = 500;
    private const int OverdueGraceSeconds = 5;

    private const string AbandonUnknownSql = """
        insert into orders (id, status, created_at, updated_at)
        select id, 'ABANDONED', @Now, @Now from unnest(@Ids) as asked (id) order by id
            on conflict (id) do nothing
        """;

    private const string StatesSql = "select id, status, expires_at from orders where id = any(@Ids)";

    public sealed record Request(IReadOnlyList<Guid>? OrderIds);

    public sealed record Response(IReadOnlyList<HoldVerdict> Verdicts);

    /// <param name="Verdict">KEEP, COMMIT or RELEASE.</param>
    /// <param name="Until">With KEEP: when to ask again.</param>
    public sealed record HoldVerdict(Guid OrderId, string Verdict, DateTimeOffset? Until);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, Database<OrderingDb> database, OrderingOptions options, CancellationToken ct)
    {
        if (request.OrderIds is not { Count: <= MaxOrders } asked || asked.Contains(Guid.Empty))
        {
            return Problems.Invalid("orderIds", $"Up to {MaxOrders} order ids.");
        }

        // Dying before the commit answers nothing and keeps nothing; after it the verdicts can only be the same again.
        var verdicts = await database.TransactAsync(tx => RunAsync(tx, [.. asked.Distinct()], options), ct);
        return TypedResults.Ok(new Response([.. asked.Select(id => verdicts[id])]));
    }

    private static async Task<Dictionary<Guid, HoldVerdict>> RunAsync(
        Transaction<OrderingDb> tx, Guid[] ids, OrderingOptions options)
    {
        await tx.ExecuteAsync(AbandonUnknownSql, new { Ids = ids, tx.Now });
        // A second statement: it also sees the order whose insert the first one waited for.
        var rows = await tx.QueryAsync<State>(StatesSql, new { Ids = ids });
        return rows.ToDictionary(
            row => row.Id, row => VerdictOn(row.Id, OrderStatuses.Parse(row.Status), row.ExpiresAt, tx.Now, options));
    }

    internal static HoldVerdict VerdictOn(
        Guid id, OrderStatus status, DateTimeOffset? expiresAt, DateTimeOffset now, OrderingOptions options)
    {
        if (status.WasPaid()) return new(id, "COMMIT", null);
        return status switch
        {
            // Over its time but not expired yet: the sweep or a payment that was in time decides in a moment.
            OrderStatus.Created when expiresAt <= now => new(id, "KEEP", now.AddSeconds(OverdueGraceSeconds)),
            OrderStatus.Created => new(id, "KEEP", expiresAt),
            OrderStatus.PaymentPending => new(id, "KEEP", now.AddSeconds(options.HoldKeepSeconds)),
            _ => new(id, "RELEASE", null),
        };
    }

    private sealed record State(Guid Id, string Status, DateTimeOffset? ExpiresAt);
}
