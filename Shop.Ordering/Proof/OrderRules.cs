using Shop.ServiceDefaults.Proof;

namespace Shop.Ordering.Proof;

/// <summary>What Ordering promises of its orders, shown from its own rows.</summary>
internal static class OrderRules
{
    public static readonly SqlRule[] All =
    [
        // The words of order_content_hash(), over all orders in one pass: a call for each takes ten times as long.
        new("order-lines-still-match-their-hash",
            "What was agreed when an order was placed is what its rows say now.",
            """
            select o.id, 'the content hash differs' as facts,
                   o.content_hash is distinct from sha256(convert_to(
                       concat_ws('|', o.id, o.user_id, o.subtotal_minor, o.discount_minor, o.total_minor, o.currency)
                       || coalesce(l.content, ''), 'UTF8')) as offends
              from orders o
              left join (select order_id,
                                string_agg(
                                    E'\n' || concat_ws('|', product_id, seller_id, octet_length(category), category,
                                                       octet_length(name), name, unit_price_minor, quantity,
                                                       discount_minor, amount_minor),
                                    '' order by line_no) as content
                           from order_lines
                          group by order_id) as l on l.order_id = o.id
             where o.status <> 'ABANDONED'
            """),

        new("an-orders-total-is-the-sum-of-its-lines",
            "Subtotal, discount and total of an order are the sums of its lines.",
            """
            select o.id, concat('order ', o.subtotal_minor, ' - ', o.discount_minor, ', lines ', l.subtotal, ' - ',
                                l.discount) as facts,
                   (o.subtotal_minor, o.discount_minor, o.total_minor)
                   is distinct from (l.subtotal, l.discount, l.total) as offends
              from orders o
              left join (select order_id, sum(unit_price_minor * quantity)::bigint as subtotal,
                                sum(discount_minor)::bigint as discount, sum(amount_minor)::bigint as total
                           from order_lines
                          group by order_id) as l on l.order_id = o.id
             where o.status <> 'ABANDONED'
            """),

        new("an-orders-last-transition-is-its-state",
            "The change that made an order's version is on record and led to its state.",
            """
            select o.id, concat('order ', o.status, ', transition ', t.status) as facts,
                   t.status is distinct from o.status as offends
              from orders o
              left join order_transitions t on t.order_id = o.id and t.version = o.version
             where o.status <> 'ABANDONED'
            """),

        new("a-paid-order-names-the-payment-that-paid-it",
            "An order that was ever paid has one completed attempt, by the payment that it names; no other order has.",
            """
            select o.id, concat(o.status, ' by ', o.payment_id, ', completed attempt ', a.payment_id) as facts,
                   case when o.status in ('PAID', 'COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED')
                        then a.payment_id is distinct from o.payment_id
                        else a.payment_id is not null end as offends
              from orders o
              left join payment_attempts a on a.order_id = o.id and a.status = 'COMPLETED'
             where o.status <> 'ABANDONED'
            """),

        new("shipments-belong-to-paid-orders",
            "Goods are sent only for orders that were paid, by sellers of their lines.",
            """
            select s.id, concat('order ', s.order_id, ' is ', o.status) as facts,
                   o.status not in ('PAID', 'COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED')
                   or not exists (select from order_lines l
                                   where l.order_id = s.order_id and l.seller_id = s.seller_id) as offends
              from shipments s
              join orders o on o.id = s.order_id
            """),

        new("no-order-is-stuck-in-payment",
            "An order whose payment is under way hears of its outcome within the time of Proof:StuckSeconds.",
            """
            select id, concat('by ', payment_id, ' since ', updated_at) as facts,
                   status = 'PAYMENT_PENDING' and updated_at < now() - make_interval(secs => @StuckSeconds) as offends
              from orders
             where payment_id is not null
            """),

        new("no-order-outlives-its-time",
            "An order that nobody pays expires within Proof:StuckSeconds of its time.",
            """
            select id, concat('expires at ', expires_at) as facts,
                   status = 'CREATED' and expires_at < now() - make_interval(secs => @StuckSeconds) as offends
              from orders
             where status <> 'ABANDONED'
            """),

        new("no-refund-attempt-is-stuck",
            "Units that a refund has frozen are refunded or free again within the time of Proof:StuckSeconds.",
            """
            select refund_id as id, concat(status, ' since ', started_at) as facts,
                   status = 'REQUESTED' and started_at < now() - make_interval(secs => @StuckSeconds) as offends
              from refund_attempts
            """),
    ];
}
