-- What is bought: facts, which never change, and the sums that lists are read from. A rebuild makes the sums again from
-- the facts (RebuildPopularity.cs).

-- One row per paid order. A refund that comes first makes the row without the payment. ask_at: when Ordering is asked
-- for the lines; counted_at: the order's facts are in the sums, under the business day that it was paid on.
create table popularity_orders (
    order_id   uuid        primary key,
    user_id    uuid,
    paid_at    timestamptz,
    ask_at     timestamptz,
    day        date,
    counted_at timestamptz,
    check ((paid_at is null) = (user_id is null)),
    check ((ask_at is not null) = (paid_at is not null and counted_at is null)),
    check ((day is not null) = (counted_at is not null)),
    check (counted_at is null or paid_at is not null)
);

create index popularity_orders_to_ask on popularity_orders (ask_at) where ask_at is not null;
create index popularity_orders_of_user on popularity_orders (user_id, paid_at) where counted_at is not null;

-- Units and minor units of money of one product in one order, from one source: the order itself (plus), or a refund of
-- it (minus). A refund of money alone has quantity 0.
create table popularity_facts (
    order_id   uuid    not null references popularity_orders (order_id),
    product_id uuid    not null,
    source_id  uuid    not null,
    quantity   integer not null,
    amount     bigint  not null,
    id         bigint  not null generated always as identity,
    primary key (order_id, product_id, source_id),
    check (case when source_id = order_id then quantity > 0 and amount >= 0 else quantity <= 0 and amount <= 0 end)
);

-- The newest orders of a product: id rises with time, order ids do not.
create index popularity_facts_of_product on popularity_facts (product_id, id) where source_id = order_id;

create trigger popularity_facts_are_final before update or delete or truncate on popularity_facts
    for each statement execute function refuse_change();

-- Sums of the facts of counted orders. No checks: an upsert is checked before it meets the row it adds to.
create table popularity_days (
    day        date   not null,
    product_id uuid   not null,
    quantity   bigint not null,
    amount     bigint not null,
    primary key (day, product_id)
);

-- In how many counted orders both were bought and not wholly refunded. Each pair is there both ways round.
create table popularity_pairs (
    product_id uuid   not null,
    other_id   uuid   not null,
    orders     bigint not null,
    primary key (product_id, other_id),
    check (product_id <> other_id)
);

create index popularity_pairs_ranked on popularity_pairs (product_id, orders desc, other_id);
