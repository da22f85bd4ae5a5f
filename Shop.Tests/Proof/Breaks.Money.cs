namespace Shop.Tests.Proof;

/// <summary>The ways to break the rules of points, ledger and settlement.</summary>
internal static partial class Breaks
{
    // An account of an order's buyer, and no other one of the books.
    private const string SomeAccount = "(select min(user_id::text)::uuid from points_accounts where entries > 1)";

    private static readonly Break[] OfMoney =
    [
        new("points-are-the-sum-of-their-entries", "paymentsdb",
            $"update points_accounts set entries = entries + 1 where user_id = {SomeAccount} returning user_id"),
        new("each-points-entry-continues-the-one-before", "paymentsdb",
            $"""
             update points_entries set balance = balance + 1 where user_id = {SomeAccount} and number = 1
             returning user_id
             """),
        new("a-points-account-is-the-sum-of-its-lots", "paymentsdb",
            $"""
             insert into points_lots (id, user_id, amount, available, expires_at, created_at)
             values (gen_random_uuid(), {SomeAccount}, 1, 1, now() + interval '1 day', now()) returning user_id
             """),
        new("held-points-are-those-of-live-holds", "paymentsdb",
            $"""
             insert into points_holds (id, user_id, amount, status, created_at, updated_at)
             values (gen_random_uuid(), {SomeAccount}, 1, 'HELD', now(), now()) returning user_id
             """, "a-hold-of-points-is-the-sum-of-its-parts"),
        new("a-lot-holds-what-live-holds-took-of-it", "paymentsdb",
            $"""
             alter table points_lots drop constraint points_lots_held_check;
             insert into points_lots (id, user_id, amount, available, held, expires_at, created_at)
             select gen_random_uuid(), {SomeAccount}, 1, 0, held, now() + interval '1 day', now()
               from (values (1), (-1)) as lot (held)
             returning id
             """),
        new("a-hold-of-points-is-the-sum-of-its-parts", "paymentsdb",
            """
            update points_hold_lots set amount = amount + 1
             where (hold_id, lot_id) = (select hold_id, lot_id from points_hold_lots order by 1, 2 limit 1)
            returning hold_id
            """),
        new("the-ledger-owes-each-customer-its-points", "paymentsdb",
            $"""
             with posted as (
                 insert into ledger_transactions (id, source_id, kind, currency, entry_count, at)
                 values (gen_random_uuid(), gen_random_uuid(), 'A_TEST', 'KRW', 2, now())
                 returning id)
             insert into ledger_entries (transaction_id, account, amount)
             select posted.id, account || {SomeAccount}, amount
               from posted, (values ('customer-points:', 1), ('held-points:', -1)) as entry (account, amount)
             returning split_part(account, ':', 2)::uuid
             """),

        new("every-ledger-transaction-sums-to-zero", "paymentsdb",
            """
            update ledger_transactions set entry_count = entry_count + 1
             where id = (select min(id::text)::uuid from ledger_transactions)
            returning id
            """),
        new("the-ledger-has-what-was-captured-less-refunds", "paymentsdb",
            """
            with posted as (
                insert into ledger_transactions (id, source_id, kind, currency, entry_count, at)
                select gen_random_uuid(), min(id::text)::uuid, 'A_TEST', 'KRW', 2, now() from payments
                returning id, source_id),
            entries as (
                insert into ledger_entries (transaction_id, account, amount)
                select posted.id, account, amount
                  from posted, (values ('card-clearing', 1), ('refunds', -1)) as entry (account, amount))
            select source_id from posted
            """),
        new("refunds-of-a-line-stay-within-it", "paymentsdb",
            """
            update payment_lines set refunded_amount = refunded_amount + 1
             where (payment_id, product_id) = (select payment_id, product_id from payment_lines
                                                where refunded_amount < amount order by 1, 2 limit 1)
            returning payment_id
            """),
        new("a-refund-is-the-sum-of-its-lines", "paymentsdb",
            """
            with failed as (
                insert into refunds (id, payment_id, cause, owed, reason, restock, card, points, status, failure,
                                     user_id, idempotency_key, fingerprint, answer_status, answer, created_at,
                                     updated_at)
                select gen_random_uuid(), id, 'CUSTOMER', false, 'a test', false, 1, 0, 'FAILED', 'a test',
                       user_id, 'a test', '\x00', 202, '{}', now(), now()
                  from payments where id = (select min(id::text)::uuid from payments
                                             where status = 'COMPLETED' and purpose = 'ORDER')
                returning id)
            insert into refund_transitions (refund_id, to_status, cause, at)
            select id, 'FAILED', 'a test', now() from failed
            returning refund_id
            """),

        new("what-was-captured-is-settled-line-by-line", "paymentsdb",
            """
            update payment_lines set discount = discount + 1
             where (payment_id, product_id) = (select source_id, product_id from settlement_lines
                                                where kind = 'CAPTURE' order by 1, 2 limit 1)
            returning payment_id
            """),
        new("what-was-refunded-is-settled-line-by-line", "paymentsdb",
            """
            update refund_shares set discount = discount + 1
             where (refund_id, product_id) = (select refund_id, product_id from refund_shares order by 1, 2 limit 1)
            returning refund_id
            """),
        new("nothing-else-is-settled", "paymentsdb",
            """
            with day as (insert into settlement_days (day) values ('2000-01-01') returning day)
            insert into settlement_lines (source_id, product_id, kind, statement_id, day, seller_id, category,
                                          payment_id, order_id, quantity, gross, discount, fee, net, currency,
                                          ledger_transaction_id, occurred_at)
            select gen_random_uuid(), product_id, 'CAPTURE', statement_id, day.day, seller_id, category, payment_id,
                   order_id, 0, 0, 0, 0, 0, currency, ledger_transaction_id, occurred_at
              from day, (select * from settlement_lines where kind = 'CAPTURE' limit 1) as line
            returning source_id
            """),
        new("the-ledger-has-the-settled-lines", "paymentsdb",
            """
            with lowered as (
                update ledger_entries set amount = amount - 1
                 where (transaction_id, account) = (
                       select ledger_transaction_id, 'sales:' || seller_id from settlement_lines
                        where kind = 'CAPTURE' order by 1, 2 limit 1)
                returning transaction_id),
            added as (
                insert into ledger_entries (transaction_id, account, amount)
                select transaction_id, 'refunds', 1 from lowered)
            update ledger_transactions t set entry_count = entry_count + 1 from lowered
             where t.id = lowered.transaction_id
            returning t.id
            """),
        new("a-closed-days-statements-are-their-lines", "paymentsdb",
            """
            update settlement_statements set line_count = line_count + 1
             where id = (select min(id::text)::uuid from settlement_statements)
            returning id
            """),

    ];
}
