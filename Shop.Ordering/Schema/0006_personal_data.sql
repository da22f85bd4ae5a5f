-- Where an order goes is personal. The order's row keeps it sealed under a key of that order alone, and for ever, as all
-- that was agreed; the key is here, sealed under the service's secret. So a secret is replaced by resealing these small
-- rows, and an address is forgotten by deleting its key, while no order changes.

create table address_keys (
    order_id uuid  primary key references orders (id),
    sealed   bytea not null
);

-- Keys that outlive the secret they are sealed under, such as the one of an address in a request's fingerprint.
create table stable_keys (
    name   text  primary key,
    sealed bytea not null
);

-- What earlier versions kept in the open was never shown to anybody, and a copy of this database shall name nobody. It
-- is the one time that the past is changed.
alter table orders disable trigger user;
update orders set shipping_address = null where shipping_address is not null;
alter table orders enable trigger user;

-- A sealed address is a JSON text of Base64, which never has the brace of an object or the blank of an address.
alter table orders add constraint orders_address_is_sealed
    check (shipping_address::text ~ '^"[A-Za-z0-9+/]{44,}={0,2}"$');
