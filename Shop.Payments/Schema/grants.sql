-- What the role of this service may do, table by table: no more than its code does. Applied at every start, after all
-- that the role had was taken away: a table without a line here is closed to the service. A new table needs a line
-- here and one in Shop.Tests/Security/ServiceRights.cs. Locking a row takes the right to update one of its columns.

-- Payments: amounts and terms are written once; what was captured and refunded of them changes.
grant select, insert, update (
    status, failure, void_due, card_captured, points_captured, card_refunded, points_refunded, next_ask_at, ask_count,
    version, updated_at
) on payments to :"role";
grant select, insert, update (refunded_quantity, refunded_amount) on payment_lines to :"role";
grant select, insert on payment_transitions to :"role";

-- Refunds
grant select, insert, update (status, last_answer, next_try_at, try_count, updated_at) on refunds to :"role";
grant select, insert on refund_lines to :"role";
grant select, insert on refund_transitions to :"role";
