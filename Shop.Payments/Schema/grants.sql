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
grant select, insert, update (status, failure, last_answer, next_try_at, try_count, updated_at) on refunds to :"role";
grant select, insert on refund_lines to :"role";
grant select, insert on refund_transitions to :"role";

-- Points: an account changes, its entries stay.
grant select, insert, update (available, held, entries, updated_at) on points_accounts to :"role";
grant select, insert, update (available, held, expired_at) on points_lots to :"role";
grant select, insert, update (status, updated_at) on points_holds to :"role";
grant select, insert, update (returned) on points_hold_lots to :"role";
grant select, insert on points_entries to :"role";

-- The ledger: added to, never changed.
grant select, insert on ledger_transactions to :"role";
grant select, insert on ledger_entries to :"role";

-- Settlement: a day is closed once; fees are set by its operator, not by the service.
grant select on seller_fees to :"role";
grant select, insert on refund_shares to :"role";
grant select, insert, update (status, closed_at) on settlement_days to :"role";
grant select, insert on settlement_lines to :"role";
grant select, insert on settlement_statements to :"role";
