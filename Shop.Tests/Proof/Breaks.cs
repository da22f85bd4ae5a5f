namespace Shop.Tests.Proof;

/// <summary>
/// For each rule of the proof, one way to break it and no other rule. Triggers are asleep while the SQL runs; what a
/// CHECK or a unique index refuses has to be let go first. The last statement answers the ids that must offend.
/// </summary>
internal static partial class Breaks
{
    private const string PaidOrder =
        "(select min(id::text)::uuid from orders where status = 'PAID' and coupon_id is null)";

    private const string ReducedOrder =
        "(select min(id::text)::uuid from orders where status = 'PAID' and coupon_id is not null)";

    // A top-up has no lines and no order that would notice.
    private const string RefundedTopUp = """
        charged as (
            update payments set card_refunded = card_refunded + 1
             where id = (select min(id::text)::uuid from payments where purpose = 'TOP_UP' and status = 'COMPLETED')
            returning id)
        """;

    public static Break[] All => [.. OfPurchases, .. OfMoney];

    private static readonly Break[] OfPurchases =
    [
        new("on-hand-is-the-sum-of-all-movements", "catalogdb",
            "update stock set on_hand = on_hand + 1 where product_id = (select min(product_id::text)::uuid from stock) "
            + "returning product_id"),
        new("reserved-is-the-sum-of-live-holds", "catalogdb",
            "update stock set reserved = reserved + 1 where product_id = (select min(product_id::text)::uuid "
            + "from stock where on_hand > reserved) returning product_id"),
        new("stock-is-never-below-zero", "catalogdb",
            """
            alter table stock drop constraint stock_on_hand_check, drop constraint stock_check;
            with fallen as (
                update stock set on_hand = -1
                 where product_id = (select min(product_id::text)::uuid from stock where reserved = 0)
                returning product_id),
            movement as (
                insert into stock_movements (product_id, kind, quantity, reason, occurred_at)
                select product_id, 'CORRECTED', -1 - coalesce((select sum(quantity) from stock_movements m
                                                      where m.product_id = fallen.product_id), 0), 'a test', now()
                  from fallen)
            select product_id from fallen
            """),
        new("what-was-sold-is-what-the-order-took", "catalogdb",
            """
            with one as (
                update stock_movements set kind = 'CORRECTED', reason = 'a test'
                 where id = (select min(id) from stock_movements where kind = 'SOLD')
                returning order_id)
            select order_id from one
            """),
        new("what-was-given-back-was-given-back-by-refunds", "catalogdb",
            "delete from restocks where (refund_id, product_id) = (select refund_id, product_id from restocks "
            + "where quantity > 0 order by 1, 2 limit 1) returning order_id"),
        new("a-tombstone-holds-nothing", "catalogdb",
            """
            with tombstone as (
                insert into reservations (order_id, status, created_at, ended_at)
                values (gen_random_uuid(), 'RELEASED', now(), now())
                returning order_id)
            insert into reservation_lines (order_id, product_id, position, quantity, seller_id, category, name,
                                           unit_price, remaining_stock)
            select tombstone.order_id, gen_random_uuid(), 1, 1, gen_random_uuid(), 'tests', 'a test', 1, 1
              from tombstone
            returning order_id
            """),

        new("order-lines-still-match-their-hash", "orderingdb",
            $"update order_lines set name = name || '!' where order_id = {PaidOrder} returning order_id"),
        new("an-orders-total-is-the-sum-of-its-lines", "orderingdb",
            $"""
             update orders set subtotal_minor = subtotal_minor + 1, discount_minor = discount_minor + 1
              where id = {ReducedOrder};
             update orders set content_hash = order_content_hash(id) where id = {ReducedOrder} returning id
             """),
        new("an-orders-last-transition-is-its-state", "orderingdb",
            "update order_transitions set status = 'CANCELLED' where status = 'EXPIRED' returning order_id"),
        new("a-paid-order-names-the-payment-that-paid-it", "orderingdb",
            $"delete from payment_attempts where order_id = {PaidOrder} and status = 'COMPLETED' returning order_id"),
        new("shipments-belong-to-paid-orders", "orderingdb",
            """
            insert into shipments (id, order_id, seller_id, status, requested_at)
            select gen_random_uuid(), id, gen_random_uuid(), 'REQUESTED', now() from orders where status = 'EXPIRED'
            returning id
            """),
        new("no-order-is-stuck-in-payment", "orderingdb",
            """
            with stuck as (
                update orders set status = 'PAYMENT_PENDING', version = version + 1, payment_id = gen_random_uuid(),
                                  recover_at = now(), updated_at = now() - interval '1 hour'
                 where status = 'CREATED'
                returning id, version)
            insert into order_transitions (order_id, version, status, cause, at)
            select id, version, 'PAYMENT_PENDING', 'a test', now() from stuck
            returning order_id
            """),
        new("no-order-outlives-its-time", "orderingdb",
            "update orders set expires_at = now() - interval '1 hour' where status = 'CREATED' returning id"),

        new("buyers-are-told-of-their-own-orders-only", "orderingdb",
            "update notifications set user_id = gen_random_uuid() "
            + "where id = (select min(id::text)::uuid from notifications) returning id"),
        new("no-webhook-delivery-is-stuck", "orderingdb",
            """
            with webhook as (
                insert into webhooks (id, url, secret, created_at, resume_at)
                values (gen_random_uuid(), 'http://localhost/', '\x00', now(), now() - interval '2 hours')
                returning id)
            insert into webhook_deliveries (webhook_id, event_id, type, body, next_at, created_at)
            select id, gen_random_uuid(), 'a test', '{}', now() - interval '1 hour', now() from webhook
            returning event_id
            """),

        new("no-order-has-two-live-payments", "paymentsdb",
            """
            drop index payments_one_live;
            with twin as (
                insert into payments (id, order_id, user_id, method, card_token, currency, amount, card_amount,
                                      points_amount, status, idempotency_key, fingerprint, answer_status, answer,
                                      next_ask_at, created_at, updated_at)
                select gen_random_uuid(), order_id, gen_random_uuid(), method, card_token, currency, amount,
                       card_amount, points_amount, 'REQUESTED', 'a test', '\x00', 202, '{}', now(), now(), now()
                  from payments where id = (select min(id::text)::uuid from payments
                                             where status = 'COMPLETED' and purpose = 'ORDER')
                returning id, order_id),
            transition as (
                insert into payment_transitions (payment_id, version, to_status, cause, at)
                select id, 1, 'REQUESTED', 'a test', now() from twin)
            select order_id from twin
            """),
        new("refunds-stay-within-the-capture", "paymentsdb",
            """
            update payments set card_refunded = 1
             where id = (select min(id::text)::uuid from payments where status = 'COMPLETED' and card_refunded = 0
                                                                 and card_captured > 0)
            returning id
            """),
        new("a-payments-last-transition-is-its-state", "paymentsdb",
            """
            delete from payment_transitions
             where to_status = 'COMPLETED'
               and payment_id = (select min(id::text)::uuid from payments where status = 'COMPLETED')
            returning payment_id
            """),
        new("a-refunds-transitions-lead-to-its-state", "paymentsdb",
            "delete from refund_transitions where to_status = 'COMPLETED' returning refund_id"),
        new("no-payment-is-stuck", "paymentsdb",
            """
            with stuck as (
                insert into payments (id, order_id, user_id, method, card_token, currency, amount, card_amount,
                                      points_amount, status, idempotency_key, fingerprint, answer_status, answer,
                                      next_ask_at, created_at, updated_at)
                values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'CARD', 'tok_ok', 'KRW', 1, 1, 0,
                        'PROCESSING', 'a test', '\x00', 202, '{}', now(), now() - interval '1 hour', now())
                returning id)
            insert into payment_transitions (payment_id, version, to_status, cause, at)
            select id, 1, 'PROCESSING', 'a test', now() from stuck
            returning payment_id
            """),
        new("no-refund-is-stuck", "paymentsdb", OpenRefund(tries: 0, age: "1 hour")),
        new("no-refund-is-tried-in-vain", "paymentsdb", OpenRefund(tries: 100, age: "0")),

        new("a-paid-order-has-one-completed-payment-of-its-total", "orderingdb",
            $"""
             update order_lines set unit_price_minor = unit_price_minor + 1, amount_minor = amount_minor + quantity
              where order_id = {PaidOrder};
             update orders set subtotal_minor = subtotal_minor + units, total_minor = total_minor + units
               from (select sum(quantity) as units from order_lines where order_id = {PaidOrder}) as lines
              where id = {PaidOrder};
             update orders set content_hash = order_content_hash(id) where id = {PaidOrder} returning id
             """, "what-popularity-counts-is-what-was-paid-for"),
        new("money-that-is-kept-belongs-to-a-paid-order", "orderingdb",
            $"""
             delete from shipments where order_id = {PaidOrder};
             delete from payment_attempts where order_id = {PaidOrder} and status = 'COMPLETED';
             update order_transitions set status = 'CANCELLED' where order_id = {PaidOrder} and status = 'PAID';
             update orders set status = 'CANCELLED', updated_at = now() + interval '1 hour' where id = {PaidOrder}
             returning id
             """, "what-popularity-counts-is-what-was-paid-for"),
        new("the-hold-of-a-paid-order-is-committed", "catalogdb",
            """
            with sold as (
                select min(order_id::text)::uuid as order_id from reservations where status = 'COMMITTED'),
            movement as (
                update stock_movements m set kind = 'CORRECTED', refund_id = null, reason = 'a test'
                  from sold where m.order_id = sold.order_id)
            update reservations r set status = 'RELEASED' from sold where r.order_id = sold.order_id
            returning r.order_id
            """),
        new("the-hold-of-an-unpaid-order-that-ended-is-given-back", "catalogdb",
            """
            with gone as (
                select r.order_id from reservations r
                 where status = 'EXPIRED' and exists (select from reservation_lines l where l.order_id = r.order_id)),
            lines as (
                delete from reservation_lines l using gone where l.order_id = gone.order_id)
            delete from reservations r using gone where r.order_id = gone.order_id
            returning r.order_id
            """),
        new("an-abandoned-order-holds-nothing", "catalogdb",
            """
            update reservations r
               set status = 'HELD', ended_at = null, expires_at = now() + interval '1 hour', ask_again_at = now()
             where status = 'EXPIRED' and not exists (select from reservation_lines l where l.order_id = r.order_id)
            returning order_id
            """),
        new("no-hold-outlives-its-order", "catalogdb",
            """
            insert into reservations (order_id, user_id, status, expires_at, ask_again_at, created_at)
            values (gen_random_uuid(), gen_random_uuid(), 'HELD', now() - interval '1 hour', now(), now())
            returning order_id
            """),

        new("the-processors-captures-are-our-card-legs", "paymentsdb",
            """
            with invented as (
                insert into payments (id, order_id, user_id, method, card_token, currency, amount, card_amount,
                                      points_amount, card_captured, status, failure, created_at, updated_at)
                values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'CARD', 'tok_ok', 'KRW', 1, 1, 0, 1,
                        'FAILED', 'a test', now(), now())
                returning id),
            posted as (
                insert into ledger_transactions (id, source_id, kind, currency, entry_count, at)
                select gen_random_uuid(), id, 'LATE_CAPTURE', 'KRW', 2, now() from invented
                returning id),
            entries as (
                insert into ledger_entries (transaction_id, account, amount)
                select posted.id, account, amount
                  from posted, (values ('card-clearing', 1), ('refunds', -1)) as entry (account, amount))
            insert into payment_transitions (payment_id, version, to_status, cause, at)
            select id, 1, 'FAILED', 'a test', now() from invented
            returning payment_id
            """),
        new("the-processors-refunds-are-our-card-refunds", "paymentsdb",
            $"""
             with {RefundedTopUp},
             invented as (
                 insert into refunds (id, payment_id, cause, owed, reason, restock, card, points, status, created_at,
                                      updated_at)
                 select gen_random_uuid(), id, 'ORDER', true, 'a test', false, 1, 0, 'COMPLETED', now(), now()
                   from charged
                 returning id),
             posted as (
                 insert into ledger_transactions (id, source_id, kind, currency, entry_count, at)
                 select gen_random_uuid(), id, 'REFUND', 'KRW', 2, now() from invented
                 returning id),
             entries as (
                 insert into ledger_entries (transaction_id, account, amount)
                 select posted.id, account, amount
                   from posted, (values ('card-clearing', -1), ('refunds', 1)) as entry (account, amount))
             insert into refund_transitions (refund_id, to_status, cause, at)
             select id, 'COMPLETED', 'a test', now() from invented
             returning refund_id
             """),

        new("popularity-of-a-day-is-the-sum-of-its-facts", "catalogdb",
            """
            update popularity_days set quantity = quantity + 1
             where (day, product_id) = (select day, product_id from popularity_days order by 1, 2 limit 1)
            returning product_id
            """),
        new("products-bought-together-are-the-orders-with-both", "catalogdb",
            """
            update popularity_pairs set orders = orders + 1
             where (product_id, other_id) = (select product_id, other_id from popularity_pairs order by 1, 2 limit 1)
            returning product_id
            """),
        new("popularity-takes-back-no-more-than-was-sold", "catalogdb", TakeBack("f.amount + 1"),
            "what-popularity-takes-back-is-what-was-refunded"),
        new("what-popularity-counts-is-what-was-paid-for", "catalogdb",
            """
            with one as (
                update popularity_facts set quantity = quantity + 1
                 where id = (select min(id) from popularity_facts where source_id = order_id)
                returning order_id, product_id),
            day as (
                update popularity_days d set quantity = d.quantity + 1
                  from one join popularity_orders o on o.order_id = one.order_id
                 where d.day = o.day and d.product_id = one.product_id)
            select order_id from one
            """),
        new("what-popularity-takes-back-is-what-was-refunded", "catalogdb", TakeBack("1")),

        new("no-refund-attempt-is-stuck", "orderingdb",
            $"""
             insert into refund_attempts (refund_id, order_id, payment_id, restock, status, recover_at, started_at)
             select gen_random_uuid(), id, payment_id, false, 'REQUESTED', now(), now() - interval '1 hour'
               from orders where id = {PaidOrder}
             returning refund_id
             """),
        new("a-refund-attempt-ends-as-its-refund", "orderingdb",
            $"""
             insert into refund_attempts (refund_id, order_id, payment_id, restock, status, failure, started_at,
                                          ended_at)
             select gen_random_uuid(), id, payment_id, false, 'FAILED', 'a test', now(), now()
               from orders where id = {PaidOrder}
             returning refund_id
             """),

        new("no-more-coupons-are-issued-than-there-are", "orderingdb",
            """
            update coupons set issued = issued + 1
             where id = (select min(id::text)::uuid from coupons where issued < total_quantity)
            returning id
            """),
        new("a-coupon-in-use-belongs-to-a-live-order", "orderingdb",
            """
            with issued as (
                update coupons set issued = issued + 1
                 where id = (select min(id::text)::uuid from coupons where issued < total_quantity)
                returning id)
            insert into user_coupons (id, coupon_id, user_id, status, order_id, claimed_at, updated_at)
            select gen_random_uuid(), id, gen_random_uuid(), 'HELD',
                   (select min(id::text)::uuid from orders where status = 'CREATED'), now(), now()
              from issued
            returning id
            """),
        new("a-reduced-order-has-its-coupon", "orderingdb",
            $"""
             with held as (select id, order_id from user_coupons where order_id = {ReducedOrder})
             update user_coupons u set status = 'ISSUED', order_id = null from held where u.id = held.id
             returning held.order_id
             """),

        new("every-event-is-applied-by-every-group", "orderingdb",
            """
            delete from inbox
             where (consumer_group, event_id) = (
                       select consumer_group, event_id from inbox order by event_id, consumer_group limit 1)
            returning event_id
            """),
        new("no-event-is-applied-twice", "orderingdb",
            """
            insert into inbox (consumer_group, slot, event_id, type)
            select consumer_group, slot - interval '1 day', event_id, type from inbox order by event_id limit 1
            returning event_id
            """),
    ];

    /// <summary>A refund on its way that has been there for so long and was tried so often.</summary>
    private static string OpenRefund(int tries, string age) =>
        $"""
         with {RefundedTopUp},
         refund as (
             insert into refunds (id, payment_id, cause, owed, reason, restock, card, points, status, next_try_at,
                                  try_count, created_at, updated_at)
             select gen_random_uuid(), id, 'ORDER', true, 'a test', false, 1, 0, 'PROCESSING', now(), {tries},
                    now() - interval '{age}', now()
               from charged
             returning id)
         insert into refund_transitions (refund_id, to_status, cause, at)
         select id, 'PROCESSING', 'a test', now() from refund
         returning refund_id
         """;

    /// <summary>Money that a refund nobody knows of takes out of an order without any, and out of its day.</summary>
    private static string TakeBack(string amount) =>
        $"""
         with one as (
             insert into popularity_facts (order_id, product_id, source_id, quantity, amount)
             select f.order_id, f.product_id, gen_random_uuid(), 0, -({amount})
               from popularity_facts f
              where not exists (select from popularity_facts r
                                 where r.order_id = f.order_id and r.source_id <> r.order_id)
              order by f.id limit 1
             returning order_id, product_id, amount),
         day as (
             update popularity_days d set amount = d.amount + one.amount
               from one join popularity_orders o on o.order_id = one.order_id
              where d.day = o.day and d.product_id = one.product_id)
         select order_id from one
         """;

    /// <param name="Sql">Damages the data; its last statement answers the ids of the offenders.</param>
    /// <param name="Also">Rules that the same damage must break too.</param>
    public sealed record Break(string Rule, string Database, string Sql, params string[] Also);
}
