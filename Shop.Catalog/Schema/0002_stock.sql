-- One row per product. The checks make overselling impossible whatever the code does.
create table stock (
    product_id uuid   primary key references products (id),
    on_hand    bigint not null default 0 check (on_hand >= 0),
    reserved   bigint not null default 0 check (reserved >= 0),
    check (reserved <= on_hand)
);

-- Every change of on_hand, for ever: on_hand is their sum. No foreign keys from here on to products: a row lock on the
-- product per line would be paid by every order, and a product is never deleted (see the trigger below).
create table stock_movements (
    id          bigint      generated always as identity primary key,
    product_id  uuid        not null,
    kind        text        not null,
    quantity    bigint      not null,
    order_id    uuid,
    refund_id   uuid,
    actor_id    uuid,
    reason      text,
    occurred_at timestamptz not null,
    check (case kind
               when 'RECEIVED' then quantity > 0 and order_id is null and refund_id is null
               when 'SOLD' then quantity < 0 and order_id is not null and refund_id is null
               when 'RESTOCKED' then quantity > 0 and order_id is not null and refund_id is not null
               when 'CORRECTED' then quantity <> 0 and reason is not null
               else false
           end)
);

create index stock_movements_of_product on stock_movements (product_id, id);
-- A line is sold once, and a refund brings a product back once.
create unique index stock_movements_sold_once on stock_movements (order_id, product_id) where kind = 'SOLD';
create unique index stock_movements_restocked_once on stock_movements (refund_id, product_id) where kind = 'RESTOCKED';

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% of % is not allowed: it is the past', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end $$;

create trigger stock_movements_are_final before update or delete or truncate on stock_movements
    for each statement execute function refuse_change();
create trigger products_are_kept before delete or truncate on products
    for each statement execute function refuse_change();
create trigger stock_is_kept before delete or truncate on stock
    for each statement execute function refuse_change();

-- What an order holds. A row without user and lines is a tombstone: the order was given up before its reservation
-- arrived, which is refused when it does.
create table reservations (
    order_id     uuid        primary key,
    user_id      uuid,
    status       text        not null check (status in ('HELD', 'COMMITTED', 'RELEASED', 'EXPIRED')),
    expires_at   timestamptz,
    ask_again_at timestamptz,
    created_at   timestamptz not null,
    ended_at     timestamptz,
    version      bigint      not null default 1,
    check ((status = 'HELD') = (ended_at is null)),
    check (status <> 'HELD' or (user_id is not null and expires_at is not null and ask_again_at is not null))
);

create index reservations_to_ask on reservations (ask_again_at) where status = 'HELD';

-- The order's lines as they were reserved, with the answer that was given. Only given_back ever changes: the units
-- that a refund took out of the line. While the order is HELD, quantity - given_back of each line is reserved.
create table reservation_lines (
    order_id        uuid     not null references reservations (order_id),
    product_id      uuid     not null,
    position        smallint not null,
    quantity        integer  not null check (quantity > 0),
    given_back      integer  not null default 0,
    seller_id       uuid     not null,
    category        text     not null,
    name            text     not null,
    unit_price      bigint   not null,
    remaining_stock bigint   not null,
    primary key (order_id, product_id),
    check (given_back between 0 and quantity)
);

create function refuse_other_lines() returns trigger language plpgsql as $$
begin
    if to_jsonb(new) - 'given_back' is distinct from to_jsonb(old) - 'given_back' then
        raise exception 'A reserved line does not change' using errcode = 'restrict_violation';
    end if;
    return new;
end $$;

create trigger reservation_lines_keep_their_content before update on reservation_lines
    for each row execute function refuse_other_lines();

-- What a refund brought back of a product, once per (refund, product); quantity after the cap of what was left.
create table restocks (
    refund_id   uuid        not null,
    product_id  uuid        not null,
    order_id    uuid        not null,
    quantity    integer     not null check (quantity >= 0),
    occurred_at timestamptz not null,
    primary key (refund_id, product_id)
);

-- Paid orders whose hold had ended and whose units were gone: the order is refunded, once.
create table stock_shortages (
    order_id    uuid        primary key,
    occurred_at timestamptz not null
);
