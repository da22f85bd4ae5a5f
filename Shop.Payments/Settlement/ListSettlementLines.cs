using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Settlement;

/// <summary>
/// <c>GET /settlements/{id}/lines</c>: what a statement, or an open day's sum, is made of, the oldest first. Another
/// seller's is not there.
/// </summary>
internal static class ListSettlementLines
{
    private const string Sql = """
        select kind, day as date, order_id, payment_id, case kind when 'REFUND' then source_id end as refund_id,
               product_id, quantity, gross, discount, fee, net, currency, ledger_transaction_id, occurred_at
          from settlement_lines
         where statement_id = @id and (@All or seller_id = @Owner)
           and (@afterAt::timestamptz is null
                or (occurred_at, source_id, product_id) > (@afterAt, @afterSource, @afterProduct))
         order by occurred_at, source_id, product_id
         limit @take
        """;

    private const string ExistsSql = """
        select true from settlement_lines where statement_id = @id and (@All or seller_id = @Owner) limit 1
        """;

    /// <summary>Minor units; a refund has minus everywhere. Net = gross - discount - fee.</summary>
    public sealed record Line(
        string Kind, DateOnly Date, Guid OrderId, Guid PaymentId, Guid? RefundId, Guid ProductId, int Quantity,
        long Gross, long Discount, long Fee, long Net, string Currency, Guid LedgerTransactionId,
        DateTimeOffset OccurredAt);

    public static async Task<Results<Ok<Page<Line>>, ProblemHttpResult>> Handle(
        Guid id, string? cursor, ClaimsPrincipal user, Database<PaymentsDb> database, CancellationToken ct,
        int limit = Page.MaxLimit)
    {
        if (Page.Refusal(limit, cursor: null) is { } refusal) return refusal;

        var after = cursor is null ? null : Parse(cursor);
        if (cursor is not null && after is null) return Problems.Invalid("cursor", "This is no cursor of this list.");

        var viewer = SettlementQuery.Viewer.Of(user);
        var seen = new { id, viewer.All, viewer.Owner };
        if ((await database.QueryAsync<bool>(ExistsSql, seen, ct)).Count == 0) return Problems.NotFound();

        var found = await database.QueryAsync<Line>(Sql, new
        {
            id,
            viewer.All,
            viewer.Owner,
            afterAt = after?.At,
            afterSource = after?.Source,
            afterProduct = after?.Product,
            take = limit + 1,
        }, ct);
        return TypedResults.Ok(Page.Of(found, limit, last => SettlementQuery.Encode(CursorOf(last))));
    }

    private static string CursorOf(Line last) => string.Create(
        CultureInfo.InvariantCulture,
        $"{last.OccurredAt.UtcTicks}|{last.RefundId ?? last.PaymentId:N}|{last.ProductId:N}");

    private static (DateTimeOffset At, Guid Source, Guid Product)? Parse(string cursor) =>
        SettlementQuery.Decode(cursor)?.Split('|') is [var time, var first, var second]
        && long.TryParse(time, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks)
        && ticks <= DateTimeOffset.MaxValue.UtcTicks
        && Guid.TryParseExact(first, "N", out var source)
        && Guid.TryParseExact(second, "N", out var product)
            ? (new DateTimeOffset(ticks, TimeSpan.Zero), source, product)
            : null;
}
