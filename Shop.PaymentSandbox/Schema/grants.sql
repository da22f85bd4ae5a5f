-- What the role of this service may do, table by table: no more than its code does. Applied at every start, after all
-- that the role had was taken away: a table without a line here is closed to the service. A new table needs a line
-- here and one in Shop.Tests/Security/ServiceRights.cs. Locking a row takes the right to update one of its columns.

-- Charges and refunds
grant select, insert, update (status, failure_code, captured_minor, refunded_minor, decided_at) on charges to :"role";
grant select, insert on captures to :"role";
grant select, insert on refunds to :"role";
grant select, insert, update (count) on outages to :"role";

-- Webhooks
grant select, insert, update (attempts, next_at, delivered_at, given_up_at, last_error) on webhooks to :"role";
