using Shop.ServiceDefaults.Proof;

namespace Shop.Payments.Proof;

/// <summary>What Payments promises of settlement: a line of an order explains every unit of money.</summary>
internal static class SettlementRules
{
    public static readonly SqlRule[] All =
    [
        new("what-was-captured-is-settled-line-by-line",
            "Each line of a completed payment of an order is settled once, with its discount and fee.",
            """
            select p.id, concat(l.product_id, ': ', l.amount, ' of ', l.amount + l.discount, ', fee ', l.fee,
                                ', settled ', s.gross - s.discount, ' of ', s.gross, ', fee ', s.fee) as facts,
                   (s.kind, s.gross, s.discount, s.fee)
                   is distinct from ('CAPTURE', l.amount + l.discount, l.discount, l.fee) as offends
              from payments p
              join payment_lines l on l.payment_id = p.id
              left join settlement_lines s on s.source_id = p.id and s.product_id = l.product_id
             where p.status = 'COMPLETED' and p.purpose = 'ORDER'
               and p.updated_at < now() - make_interval(secs => @SettledSeconds)
            """,
            Settles: true),

        new("what-was-refunded-is-settled-line-by-line",
            "Each line of a completed refund of an order is settled once, with minus, and its shares.",
            """
            select r.id, concat(l.product_id, ': ', l.amount, ' and ', h.discount, ', fee ', h.fee,
                                ', settled ', s.gross, ' with ', s.discount, ', fee ', s.fee) as facts,
                   (s.kind, s.gross, s.discount, s.fee)
                   is distinct from ('REFUND', -l.amount - h.discount, -h.discount, -h.fee) as offends
              from refunds r
              join payments p on p.id = r.payment_id and p.purpose = 'ORDER'
              left join refund_lines l on l.refund_id = r.id
              left join refund_shares h on h.refund_id = r.id and h.product_id = l.product_id
              left join settlement_lines s on s.source_id = r.id and s.product_id = l.product_id
             where r.status = 'COMPLETED' and r.cause <> 'LATE_CAPTURE'
               and r.updated_at < now() - make_interval(secs => @SettledSeconds)
            """,
            Settles: true),

        new("nothing-else-is-settled",
            "A settlement line is of a line of a payment or refund that completed.",
            """
            select s.source_id as id, concat(s.kind, ' of ', s.product_id) as facts,
                   case s.kind when 'CAPTURE' then p.status is distinct from 'COMPLETED' or l.payment_id is null
                               else r.status is distinct from 'COMPLETED' or g.refund_id is null end as offends
              from settlement_lines s
              left join payments p on p.id = s.source_id
              left join payment_lines l on l.payment_id = s.source_id and l.product_id = s.product_id
              left join refunds r on r.id = s.source_id
              left join refund_lines g on g.refund_id = s.source_id and g.product_id = s.product_id
            """),

        new("the-ledger-has-the-settled-lines",
            "In the ledger transaction of the lines a seller's sales entry is their net, the fees entry their fee.",
            """
            select l.ledger_transaction_id as id,
                   concat('seller ', l.seller_id, ': net ', l.net, ', ledger ', -e.amount) as facts,
                   l.net is distinct from -e.amount as offends
              from (select ledger_transaction_id, seller_id, sum(net) as net
                      from settlement_lines
                     group by ledger_transaction_id, seller_id) as l
              left join ledger_entries e
                     on e.transaction_id = l.ledger_transaction_id and e.account = 'sales:' || l.seller_id
             where l.net <> 0 or e.amount is not null
             union all
            select f.ledger_transaction_id, concat('fee ', f.fee, ', ledger ', -e.amount),
                   f.fee is distinct from -e.amount
              from (select ledger_transaction_id, sum(fee) as fee
                      from settlement_lines
                     group by ledger_transaction_id) as f
              left join ledger_entries e on e.transaction_id = f.ledger_transaction_id and e.account = 'fees'
             where f.fee <> 0 or e.amount is not null
            """),

        new("a-closed-days-statements-are-their-lines",
            "Each statement of a closed day is the sum of its lines, and each of their sums has a statement.",
            """
            select coalesce(s.id, l.statement_id) as id,
                   concat('lines ', s.line_count, ', net ', s.net, ', found ', l.line_count, ', net ', l.net) as facts,
                   (s.seller_id, s.category, s.day, s.currency, s.line_count, s.orders, s.gross, s.discount, s.refunds,
                    s.fee, s.net)
                   is distinct from
                   (l.seller_id, l.category, l.day, l.currency, l.line_count, l.orders, l.gross, l.discount, l.refunds,
                    l.fee, l.net) as offends
              from settlement_statements s
              full join (
                   select l.statement_id, l.seller_id, l.category, l.day, l.currency, count(*) as line_count,
                          count(distinct l.order_id) filter (where l.kind = 'CAPTURE') as orders,
                          sum(l.gross)::bigint as gross, sum(l.discount)::bigint as discount,
                          coalesce(sum(l.discount - l.gross) filter (where l.kind = 'REFUND'), 0)::bigint as refunds,
                          sum(l.fee)::bigint as fee, sum(l.net)::bigint as net
                     from settlement_lines l
                     join settlement_days d on d.day = l.day and d.status = 'CLOSED'
                    group by l.statement_id, l.seller_id, l.category, l.day, l.currency) as l on l.statement_id = s.id
            """),
    ];
}
