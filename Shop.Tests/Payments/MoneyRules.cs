using Dapper;

namespace Shop.Tests.Payments;

/// <summary>
/// What the ledger and settlement promise of every row, as statements over paymentsdb that answer the ids of offenders
/// and how many rows they looked at.
/// </summary>
internal static class MoneyRules
{
    private const string Balanced = """
        select t.id, coalesce(sum(e.amount), 0) <> 0 or count(e.account) <> t.entry_count as offends
          from ledger_transactions t left join ledger_entries e on e.transaction_id = t.id
         group by t.id
        """;

    private const string CardClearing = """
        select p.id, p.card_captured
                     - coalesce((select sum(r.card) from refunds r
                                  where r.payment_id = p.id and r.status = 'COMPLETED'), 0)
                     <> coalesce((select sum(e.amount)
                                    from ledger_transactions t
                                    join ledger_entries e on e.transaction_id = t.id and e.account = 'card-clearing'
                                   where t.source_id = p.id
                                      or t.source_id in (select id from refunds where payment_id = p.id)), 0)
               as offends
          from payments p
        """;

    private const string CapturesAreSettled = """
        select p.id, (s.kind, s.gross, s.discount, s.fee)
                     is distinct from ('CAPTURE', l.amount + l.discount, l.discount, l.fee) as offends
          from payments p
          join payment_lines l on l.payment_id = p.id
          left join settlement_lines s on s.source_id = p.id and s.product_id = l.product_id
         where p.status = 'COMPLETED' and p.purpose = 'ORDER'
        """;

    private const string RefundsAreSettled = """
        select r.id, (s.kind, s.gross, s.discount, s.fee)
                     is distinct from ('REFUND', -l.amount - h.discount, -h.discount, -h.fee) as offends
          from refunds r
          join payments p on p.id = r.payment_id and p.purpose = 'ORDER'
          left join refund_lines l on l.refund_id = r.id
          left join refund_shares h on h.refund_id = r.id and h.product_id = l.product_id
          left join settlement_lines s on s.source_id = r.id and s.product_id = l.product_id
         where r.status = 'COMPLETED' and r.cause <> 'LATE_CAPTURE'
        """;

    private const string NothingElseIsSettled = """
        select s.source_id, not (
                   exists (select from payments p where p.id = s.source_id and p.status = 'COMPLETED')
                   or exists (select from refunds r where r.id = s.source_id and r.status = 'COMPLETED')) as offends
          from settlement_lines s
        """;

    private const string LinesAreInTheLedger = """
        select l.ledger_transaction_id, l.net is distinct from -e.amount as offends
          from (select ledger_transaction_id, seller_id, sum(net) as net
                  from settlement_lines group by ledger_transaction_id, seller_id) as l
          left join ledger_entries e
            on e.transaction_id = l.ledger_transaction_id and e.account = 'sales:' || l.seller_id
         where l.net <> 0 or e.amount is not null
         union all
        select f.ledger_transaction_id, f.fee is distinct from -e.amount
          from (select ledger_transaction_id, sum(fee) as fee
                  from settlement_lines group by ledger_transaction_id) as f
          left join ledger_entries e on e.transaction_id = f.ledger_transaction_id and e.account = 'fees'
         where f.fee <> 0 or e.amount is not null
        """;

    private const string StatementsAreTheirLines = """
        select coalesce(s.id, l.statement_id),
               (s.seller_id, s.category, s.day, s.currency, s.line_count, s.gross, s.discount, s.refunds, s.fee, s.net)
               is distinct from
               (l.seller_id, l.category, l.day, l.currency, l.line_count, l.gross, l.discount, l.refunds, l.fee, l.net)
               as offends
          from settlement_statements s
          full join (
               select l.statement_id, l.seller_id, l.category, l.day, l.currency, count(*) as line_count,
                      sum(l.gross)::bigint as gross, sum(l.discount)::bigint as discount,
                      coalesce(sum(l.discount - l.gross) filter (where l.kind = 'REFUND'), 0)::bigint as refunds,
                      sum(l.fee)::bigint as fee, sum(l.net)::bigint as net
                 from settlement_lines l join settlement_days d on d.day = l.day and d.status = 'CLOSED'
                group by l.statement_id, l.seller_id, l.category, l.day, l.currency) as l on l.statement_id = s.id
        """;

    public static readonly IReadOnlyDictionary<string, string> All = new Dictionary<string, string>
    {
        [nameof(Balanced)] = Balanced,
        [nameof(CardClearing)] = CardClearing,
        [nameof(CapturesAreSettled)] = CapturesAreSettled,
        [nameof(RefundsAreSettled)] = RefundsAreSettled,
        [nameof(NothingElseIsSettled)] = NothingElseIsSettled,
        [nameof(LinesAreInTheLedger)] = LinesAreInTheLedger,
        [nameof(StatementsAreTheirLines)] = StatementsAreTheirLines,
    };

    /// <summary>Every rule holds; those named looked at something.</summary>
    public static async Task HoldAsync(PaymentsApp app, params string[] onRows)
    {
        await using var connection = await app.Database.Source.OpenConnectionAsync();
        foreach (var (name, rule) in All)
        {
            var rows = (await connection.QueryAsync<(Guid Id, bool Offends)>(rule)).AsList();
            Assert.True(rows.TrueForAll(row => !row.Offends), $"{name}: {string.Join(' ', Offenders(rows))}");
            Assert.True(rows.Count > 0 || !onRows.Contains(name), $"{name} looked at nothing.");
        }
    }

    private static IEnumerable<Guid> Offenders(IEnumerable<(Guid Id, bool Offends)> rows) =>
        rows.Where(row => row.Offends).Select(row => row.Id).Distinct();
}
