using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Settlement;

/// <summary>
/// <c>GET /settlements/daily</c>: what each seller and category came to on a day. The statements of a closed day, the
/// running sums of an open one.
/// </summary>
internal static class ListDailySettlements
{
    // One statement is one snapshot: a day that closes meanwhile is read as open or as closed, never as both.
    private const string Sql = """
        with asked as (
            select d.day, d.status
              from settlement_days d
             where d.day = coalesce(@period, (@now at time zone @SettlementTimeZone)::date)),
        totals (id, date, seller_id, category, status, lines, orders, gross, discount, refunds, fee, net,
                currency) as (
            select s.id, asked.day, s.seller_id, s.category, asked.status, s.line_count, s.orders, s.gross, s.discount,
                   s.refunds, s.fee, s.net, s.currency
              from asked
              join settlement_statements s on s.day = asked.day
             where asked.status = 'CLOSED'
             union all
            select l.statement_id, asked.day, l.seller_id, l.category, asked.status, count(*),
                   count(distinct l.order_id) filter (where l.kind = 'CAPTURE'), sum(l.gross)::bigint,
                   sum(l.discount)::bigint,
                   coalesce(sum(l.discount - l.gross) filter (where l.kind = 'REFUND'), 0)::bigint,
                   sum(l.fee)::bigint, sum(l.net)::bigint, l.currency
              from asked
              join settlement_lines l on l.day = asked.day
             where asked.status = 'OPEN'
             group by l.statement_id, asked.day, l.seller_id, l.category, asked.status, l.currency)
        select * from totals
         where (@All or seller_id = @Owner)
           and (@Seller::uuid is null or seller_id = @Seller)
           and (@Category::text is null or category = @Category)
           and (@after::uuid is null or (seller_id, currency, category) > (@after, @afterCurrency, @afterCategory))
         order by seller_id, currency, category
         limit @take
        """;

    /// <summary>
    /// Minor units, each the sum of its lines: captures less refunds. Refunds is what went back to the buyers, with
    /// which gross, discount, fee and net are already less.
    /// </summary>
    public sealed record Statement(
        Guid Id, DateOnly Date, Guid SellerId, string Category, string Status, long Lines, long Orders, long Gross,
        long Discount, long Refunds, long Fee, long Net, string Currency);

    public static async Task<Results<Ok<Page<Statement>>, ProblemHttpResult>> Handle(
        string? date, Guid? seller, string? category, string? cursor, ClaimsPrincipal user,
        Database<PaymentsDb> database, PaymentsOptions options, TimeProvider clock, CancellationToken ct,
        int limit = Page.MaxLimit)
    {
        var day = Parse(date);
        if (date is not null && day is null) return Problems.Invalid("date", "date must be a day like 2026-01-31.");
        var asked = new SettlementQuery.Totals(seller, category, cursor, limit);
        if (asked.Refusal is { } refusal) return refusal;

        var found = await database.QueryAsync<Statement>(Sql, asked.Parameters(day, user, options, clock), ct);
        return TypedResults.Ok(Page.Of(
            found, limit, last => SettlementQuery.Position.Of(last.SellerId, last.Currency, last.Category)));
    }

    private static DateOnly? Parse(string? date) =>
        DateOnly.TryParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? day
            : null;
}
