using System.Globalization;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Idempotency;

namespace Shop.Payments.Settlement;

/// <summary>A line of an order as settlement counts it, in minor units; a refund's has minus everywhere.</summary>
/// <param name="Gross">Before the discount.</param>
internal sealed record SettledLine(
    Guid ProductId, Guid SellerId, string Category, int Quantity, long Gross, long Discount, long Fee);

/// <summary>What the lines come from: a payment that completed or a refund of it.</summary>
internal sealed record SettledSource(Guid Id, string Kind, Guid PaymentId, Guid OrderId, DateTimeOffset At);

/// <summary>
/// Writes settlement lines into an open day (race 14). Its day's row is held FOR SHARE until the commit, so that the
/// close, which takes it FOR UPDATE, sees the lines or comes before them; then they count for the next open day.
/// </summary>
internal static class SettlementLines
{
    // Days close in order: the one after the last closed one is open, and nothing falls before it.
    private const string OpenDaySql = """
        with target as (
            select greatest((@At at time zone @zone)::date,
                            (select max(day) + 1 from settlement_days where status = 'CLOSED')) as day),
        made as (
            insert into settlement_days (day) select day from target on conflict do nothing)
        select day from target
        """;

    private const string HoldDaySql = """
        select true from settlement_days where day = @day and status = 'OPEN' for share
        """;

    private const string LedgerSql = """
        select id, currency from ledger_transactions where source_id = @Id and kind = @Kind
        """;

    private const string InsertSql = """
        insert into settlement_lines
               (source_id, product_id, kind, statement_id, day, seller_id, category, payment_id, order_id, quantity,
                gross, discount, fee, net, currency, ledger_transaction_id, occurred_at)
        select @Id, line.product_id, @Kind, line.statement_id, @day, line.seller_id, line.category, @PaymentId,
               @OrderId, line.quantity, line.gross, line.discount, line.fee, line.gross - line.discount - line.fee,
               @Currency, @LedgerId, @At
          from unnest(@Products, @Statements, @Sellers, @Categories, @Quantities, @Grosses, @Discounts, @Fees)
               as line (product_id, statement_id, seller_id, category, quantity, gross, discount, fee)
            on conflict do nothing
        """;

    // One try loses to a close; several closes in a row would take days.
    private const int MaxTries = 5;

    /// <summary>False: they were there before.</summary>
    public static async Task<bool> AddAsync(
        Transaction<PaymentsDb> tx, string zone, SettledSource source, IReadOnlyList<SettledLine> lines)
    {
        var posted = await tx.QuerySingleOrDefaultAsync<Posted>(LedgerSql, new { source.Id, source.Kind })
            ?? throw new InvalidOperationException($"{source.Kind} of {source.Id} is not in the ledger.");
        var day = await HoldOpenDayAsync(tx, zone, source.At);
        var added = await tx.ExecuteAsync(InsertSql, new
        {
            source.Id,
            source.Kind,
            day,
            source.PaymentId,
            source.OrderId,
            posted.Currency,
            LedgerId = posted.Id,
            source.At,
            Products = lines.Select(line => line.ProductId).ToArray(),
            Statements = lines.Select(line => StatementId(day, line, posted.Currency)).ToArray(),
            Sellers = lines.Select(line => line.SellerId).ToArray(),
            Categories = lines.Select(line => line.Category).ToArray(),
            Quantities = lines.Select(line => line.Quantity).ToArray(),
            Grosses = lines.Select(line => line.Gross).ToArray(),
            Discounts = lines.Select(line => line.Discount).ToArray(),
            Fees = lines.Select(line => line.Fee).ToArray(),
        });
        if (added != 0 && added != lines.Count)
        {
            throw new InvalidOperationException($"{added} of {lines.Count} lines of {source.Id} were new.");
        }

        return added != 0;
    }

    private static async Task<DateOnly> HoldOpenDayAsync(Transaction<PaymentsDb> tx, string zone, DateTimeOffset at)
    {
        for (var tries = 0; tries < MaxTries; tries++)
        {
            var day = await tx.QuerySingleOrDefaultAsync<DateOnly>(OpenDaySql, new { At = at, zone });
            if (await tx.QuerySingleOrDefaultAsync<bool>(HoldDaySql, new { day })) return day;
        }

        throw new InvalidOperationException($"{MaxTries} days were closed before a line of {at:O} got into one.");
    }

    /// <summary>The same for an open day's sums and the statement that they become.</summary>
    private static Guid StatementId(DateOnly day, SettledLine line, string currency) => DerivedId.From(
        line.SellerId, "settlement", day.ToString("O", CultureInfo.InvariantCulture), line.Category, currency);

    private sealed record Posted(Guid Id, string Currency);
}
