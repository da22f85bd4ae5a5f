-- What the role of this service may do, table by table: no more than its code does. Applied at every start, after all
-- that the role had was taken away: a table without a line here is closed to the service. A new table needs a line
-- here and one in Shop.Tests/Security/ServiceRights.cs. Locking a row takes the right to update one of its columns.

-- Products
grant select, insert on sellers to :"role";
grant select, insert, update (category, name, description, unit_price, status, version) on products to :"role";

-- Stock
grant select, insert, update (on_hand, reserved) on stock to :"role";
grant select, insert on stock_movements to :"role";
grant select, insert, update (status, ask_again_at, ended_at, version) on reservations to :"role";
grant select, insert, update (given_back) on reservation_lines to :"role";
grant select, insert on restocks to :"role";
grant select, insert on stock_shortages to :"role";
