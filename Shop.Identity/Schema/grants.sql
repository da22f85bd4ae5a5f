-- What the role of this service may do, table by table: no more than its code does. Applied at every start, after all
-- that the role had was taken away: a table without a line here is closed to the service. A new table needs a line
-- here and one in Shop.Tests/Security/ServiceRights.cs. Locking a row takes the right to update one of its columns.

-- Users
grant select, insert, update (email, name, phone, password_hash, roles, seller_id, version, updated_at) on users to :"role";

-- Sessions: what is over is forgotten; tokens go with their family.
grant select, insert, update (failures, failed_at, locked_until), delete on login_failures to :"role";
grant select, insert, update (revoked_at), delete on refresh_families to :"role";
grant select, insert, update (used_at) on refresh_tokens to :"role";

-- Keys
grant select, insert, update (private_key_encrypted), delete on signing_keys to :"role";
grant select, insert, update (sealed) on stable_keys to :"role";
