using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Settlement;

/// <summary>
/// <c>GET /settlements/monthly</c>: the sums of a month's closed days, with the statements that they are the sums of.
/// CLOSED once the month's last day is.
/// </summary>
internal static class ListMonthlySettlements
{
    private const string Sql = """
        with asked as (
            select date_trunc('month', coalesce(@period, (@now at time zone @SettlementTimeZone)::date))::date as first)
        select to_char(asked.first, 'YYYY-MM') as month, s.seller_id, s.category,
               case when exists (
                        select from settlement_days
                         where day = (asked.first + interval '1 month' - interval '1 day')::date and status = 'CLOSED')
                    then 'CLOSED' else 'OPEN' end as status,
               sum(s.line_count)::bigint as lines, sum(s.orders)::bigint as orders, sum(s.gross)::bigint as gross,
               sum(s.discount)::bigint as discount, sum(s.refunds)::bigint as refunds, sum(s.fee)::bigint as fee,
               sum(s.net)::bigint as net, s.currency, array_agg(s.id order by s.day) as statement_ids,
               array_agg(to_char(s.day, 'YYYY-MM-DD') order by s.day) as days, array_agg(s.net order by s.day) as nets
          from asked
          join settlement_statements s
            on s.day >= asked.first and s.day < (asked.first + interval '1 month')::date
         where (@All or s.seller_id = @Owner)
           and (@Seller::uuid is null or s.seller_id = @Seller)
           and (@Category::text is null or s.category = @Category)
           and (@after::uuid is null
                or (s.seller_id, s.currency, s.category) > (@after, @afterCurrency, @afterCategory))
         group by asked.first, s.seller_id, s.currency, s.category
         order by s.seller_id, s.currency, s.category
         limit @take
        """;

    /// <summary>Minor units, as in <see cref="ListDailySettlements.Statement"/>.</summary>
    public sealed record Total(
        string Month, Guid SellerId, string Category, string Status, long Lines, long Orders, long Gross,
        long Discount, long Refunds, long Fee, long Net, string Currency, IReadOnlyList<Day> Days);

    public sealed record Day(Guid Id, string Date, long Net);

    public static async Task<Results<Ok<Page<Total>>, ProblemHttpResult>> Handle(
        string? month, Guid? seller, string? category, string? cursor, ClaimsPrincipal user,
        Database<PaymentsDb> database, PaymentsOptions options, TimeProvider clock, CancellationToken ct,
        int limit = Page.MaxLimit)
    {
        var first = Parse(month);
        if (month is not null && first is null) return Problems.Invalid("month", "month must be like 2026-01.");
        var asked = new SettlementQuery.Totals(seller, category, cursor, limit);
        if (asked.Refusal is { } refusal) return refusal;

        var found = await database.QueryAsync<Row>(Sql, asked.Parameters(first, user, options, clock), ct);
        return TypedResults.Ok(Page.Of(
            [.. found.Select(row => row.Total())], limit,
            last => SettlementQuery.Position.Of(last.SellerId, last.Currency, last.Category)));
    }

    private static DateOnly? Parse(string? month) =>
        DateOnly.TryParseExact(
            $"{month}-01", "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var first)
            ? first
            : null;

    private sealed class Row
    {
        public string Month { get; init; } = "";

        public Guid SellerId { get; init; }

        public string Category { get; init; } = "";

        public string Status { get; init; } = "";

        public long Lines { get; init; }

        public long Orders { get; init; }

        public long Gross { get; init; }

        public long Discount { get; init; }

        public long Refunds { get; init; }

        public long Fee { get; init; }

        public long Net { get; init; }

        public string Currency { get; init; } = "";

        public Guid[] StatementIds { get; init; } = [];

        public string[] Days { get; init; } = [];

        public long[] Nets { get; init; } = [];

        public Total Total() => new(
            Month, SellerId, Category, Status, Lines, Orders, Gross, Discount, Refunds, Fee, Net, Currency,
            [.. StatementIds.Select((id, i) => new Day(id, Days[i], Nets[i]))]);
    }
}
