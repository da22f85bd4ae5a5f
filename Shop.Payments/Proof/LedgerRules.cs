using Shop.ServiceDefaults.Proof;

namespace Shop.Payments.Proof;

/// <summary>What Payments promises of its ledger, and of the lines that refunds are made of.</summary>
internal static class LedgerRules
{
    public static readonly SqlRule[] All =
    [
        new("every-ledger-transaction-sums-to-zero",
            "The entries of a ledger transaction add up to zero, and all that it was made with are there.",
            """
            select t.id, concat('sum ', e.amount, ', ', e.entries, ' of ', t.entry_count, ' entries') as facts,
                   coalesce(e.amount, 0) <> 0 or coalesce(e.entries, 0) <> t.entry_count as offends
              from ledger_transactions t
              left join (select transaction_id, sum(amount) as amount, count(*) as entries
                           from ledger_entries
                          group by transaction_id) as e on e.transaction_id = t.id
            """),

        new("the-ledger-has-what-was-captured-less-refunds",
            "What the processor holds of a payment by the ledger is what was captured by card less completed refunds.",
            """
            select coalesce(p.id, l.payment_id) as id,
                   concat('captured ', p.card_captured, ', refunded ', r.card, ', ledger ', l.amount) as facts,
                   coalesce(p.card_captured, 0) - coalesce(r.card, 0) <> coalesce(l.amount, 0) as offends
              from payments p
              left join (select payment_id, sum(card) as card
                           from refunds
                          where status = 'COMPLETED'
                          group by payment_id) as r on r.payment_id = p.id
              full join (select coalesce(f.payment_id, t.source_id) as payment_id, sum(e.amount) as amount
                           from ledger_entries e
                           join ledger_transactions t on t.id = e.transaction_id
                           left join refunds f on f.id = t.source_id
                          where e.account = 'card-clearing'
                          group by 1) as l on l.payment_id = p.id
            """),

        new("refunds-of-a-line-stay-within-it",
            "Units and money that a payment's line counts as refunded are those of its refunds, no more than it has.",
            """
            select payment_id as id,
                   concat(product_id, ': refunded ', refunded_quantity, ' of ', quantity, ' for ', refunded_amount,
                          ' of ', amount, ', refunds ', units, ' for ', money) as facts,
                   (refunded_quantity, refunded_amount) is distinct from (coalesce(units, 0), coalesce(money, 0))
                   or refunded_quantity > quantity or refunded_amount > amount as offends
              from payment_lines
              full join (select f.payment_id, l.product_id, sum(l.quantity) as units, sum(l.amount) as money
                           from refund_lines l
                           join refunds f on f.id = l.refund_id
                          where f.status <> 'FAILED'
                          group by f.payment_id, l.product_id) as given using (payment_id, product_id)
            """),

        new("a-refund-is-the-sum-of-its-lines",
            "Both legs of a refund of an order together are the money that goes back for its lines.",
            """
            select f.id, concat('card ', f.card, ', points ', f.points, ', lines ', coalesce(l.amount, 0)) as facts,
                   f.card + f.points <> coalesce(l.amount, 0) as offends
              from refunds f
              join payments p on p.id = f.payment_id and p.purpose = 'ORDER'
              left join (select refund_id, sum(amount) as amount
                           from refund_lines
                          group by refund_id) as l on l.refund_id = f.id
             where f.cause <> 'LATE_CAPTURE'
            """),
    ];
}
