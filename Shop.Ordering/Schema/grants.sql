-- What the role of this service may do, table by table: no more than its code does. Applied at every start, after all
-- that the role had was taken away: a table without a line here is closed to the service. A new table needs a line
-- here and one in Shop.Tests/Security/ServiceRights.cs. Locking a row takes the right to update one of its columns.

-- Orders: what was agreed is written once, and only what happens to it changes.
grant select, insert, update (
    status, version, payment_id, cancel_requested, cancel_reason, restock, answer_status, answer, recover_at, updated_at
) on orders to :"role";
grant select, insert, update (sealed) on address_keys to :"role";
grant select, insert, update (sealed) on stable_keys to :"role";
grant select, insert on order_lines to :"role";
grant select, insert on order_transitions to :"role";
grant select, insert, update (status, failure, ended_at) on payment_attempts to :"role";
grant select, insert on refund_dues to :"role";
grant select, insert, update (status, failure, recover_at, ended_at) on refund_attempts to :"role";
grant select, insert, delete on refund_attempt_lines to :"role";

-- Shipments
grant select, insert, update (status, shipped_at, delivered_at) on shipments to :"role";

-- Coupons: terms are written once; a claim is never taken away.
grant select, insert, update (issued) on coupons to :"role";
grant select, insert, update (status, version, order_id, updated_at) on user_coupons to :"role";

-- Side work: what buyers are told, what is sent to other systems
grant select, insert on notifications to :"role";
grant select, insert, update (failures, resume_at), delete on webhooks to :"role";
grant select, insert, update (attempts, next_at, delivered_at, given_up_at, last_error), delete
   on webhook_deliveries to :"role";
grant select, insert, delete on feed_rows to :"role";
grant select, update (lent_until, failures, last_error) on feed_sender to :"role";
