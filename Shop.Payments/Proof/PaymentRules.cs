using Shop.ServiceDefaults.Proof;

namespace Shop.Payments.Proof;

/// <summary>What Payments promises of its payments and refunds, shown from its own rows.</summary>
internal static class PaymentRules
{
    public static readonly SqlRule[] All =
    [
        new("no-order-has-two-live-payments",
            "At most one payment of an order is requested, processing or completed.",
            """
            select order_id as id, concat(count(*), ' live payments') as facts, count(*) > 1 as offends
              from payments
             where purpose = 'ORDER' and status in ('REQUESTED', 'PROCESSING', 'COMPLETED')
             group by order_id
            """),

        new("refunds-stay-within-the-capture",
            "The refunds of a payment, leg by leg, are what it counts as refunded, and no more than was captured.",
            """
            select p.id,
                   concat('card ', p.card_refunded, ' of ', p.card_captured, ', refunds ', r.card,
                          '; points ', p.points_refunded, ' of ', p.points_captured, ', refunds ', r.points) as facts,
                   p.card_refunded > p.card_captured or p.points_refunded > p.points_captured
                   or p.card_refunded <> coalesce(r.card, 0) or p.points_refunded <> coalesce(r.points, 0) as offends
              from payments p
              left join (select payment_id, sum(card)::bigint as card, sum(points)::bigint as points
                           from refunds
                          where status <> 'FAILED'
                          group by payment_id) as r on r.payment_id = p.id
            """),

        new("a-payments-last-transition-is-its-state",
            "The last change of a payment that is on record led to its state.",
            """
            select p.id, concat('payment ', p.status, ', transition ', t.to_status) as facts,
                   t.to_status is distinct from p.status as offends
              from payments p
              left join (select distinct on (payment_id) payment_id, to_status
                           from payment_transitions
                          order by payment_id, version desc) as t on t.payment_id = p.id
             where p.status <> 'ABANDONED'
            """),

        new("a-refunds-transitions-lead-to-its-state",
            "A refund's state is on record, and nothing that comes after it.",
            """
            select r.id, concat('refund ', r.status, ', transitions ', t.states) as facts,
                   t.states is null or not r.status = any (t.states)
                   or (r.status in ('REQUESTED', 'PROCESSING') and t.states && '{COMPLETED,FAILED}')
                   or (r.status = 'REQUESTED' and 'PROCESSING' = any (t.states)) as offends
              from refunds r
              left join (select refund_id, array_agg(to_status) as states
                           from refund_transitions
                          group by refund_id) as t on t.refund_id = r.id
             where r.status <> 'ABANDONED'
            """),

        new("no-payment-is-stuck",
            "A payment comes to its end within the time of Proof:StuckSeconds.",
            """
            select id, concat(status, ' since ', created_at) as facts,
                   status in ('REQUESTED', 'PROCESSING')
                   and created_at < now() - make_interval(secs => @StuckSeconds) as offends
              from payments
            """),

        new("no-refund-is-stuck",
            "Money on its way back arrives within the time of Proof:StuckSeconds.",
            """
            select id, concat(status, ' since ', created_at, ', last answer: ', last_answer) as facts,
                   status in ('REQUESTED', 'PROCESSING')
                   and created_at < now() - make_interval(secs => @StuckSeconds) as offends
              from refunds
            """),

        new("no-refund-is-tried-in-vain",
            "No refund on its way was refused or left unanswered more than Proof:MaxRefundTries times.",
            """
            select id, concat(try_count, ' tries, last answer: ', last_answer) as facts,
                   status = 'PROCESSING' and try_count > @MaxRefundTries as offends
              from refunds
            """),
    ];
}
