-- Orders. Amounts are minor units of the currency. What was agreed when an order was placed is never changed: the
-- triggers at the end refuse it whatever the code does.

create table orders (
    id                 uuid        primary key,
    user_id            uuid,
    status             text        not null check (status in (
                           'CREATED', 'PAYMENT_PENDING', 'PAID', 'COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED',
                           'CANCELLED', 'EXPIRED', 'ABANDONED')),
    version            bigint      not null default 1,
    subtotal_minor     bigint,
    discount_minor     bigint      check (discount_minor >= 0),
    total_minor        bigint      check (total_minor >= 1 and total_minor = subtotal_minor - discount_minor),
    currency           text,
    payment_id         uuid,
    one_call           boolean     not null default false,
    cancel_requested   boolean     not null default false,
    cancel_reason      text,
    restock            boolean,
    coupon_not_applied text,
    -- json, not jsonb: it is only kept, and jsonb refuses numbers that are well-formed.
    shipping_address   json,
    idempotency_key    text,
    fingerprint        bytea,
    answer_status      smallint,
    -- json, not jsonb: a stored answer is given again as it was.
    answer             json,
    content_hash       bytea,
    expires_at         timestamptz,
    -- When the recovery sweep asks Payments about an order that is PAYMENT_PENDING.
    recover_at         timestamptz,
    created_at         timestamptz not null,
    updated_at         timestamptz not null,

    unique (user_id, idempotency_key),
    check (idempotency_key is null or fingerprint is not null),
    -- A tombstone is a row under the same primary key, so that a late insert of that order loses. It has nothing else.
    check (case when status = 'ABANDONED'
                then num_nonnulls(user_id, total_minor, payment_id, idempotency_key, content_hash) = 0
                else num_nulls(user_id, subtotal_minor, discount_minor, total_minor, currency, content_hash,
                               expires_at) = 0
           end),
    -- States that stand on a payment name it.
    check ((payment_id is not null and recover_at is not null)
           or status not in ('PAYMENT_PENDING', 'PAID', 'COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED'))
);

create index orders_to_expire on orders (expires_at) where status = 'CREATED';
create index orders_to_recover on orders (recover_at) where status = 'PAYMENT_PENDING';
create index orders_of_user on orders (user_id, created_at, id);

-- Product, seller, category and price as they were at that moment.
create table order_lines (
    order_id         uuid     not null references orders (id),
    product_id       uuid     not null,
    line_no          smallint not null,
    seller_id        uuid     not null,
    category         text     not null,
    name             text     not null,
    unit_price_minor bigint   not null check (unit_price_minor >= 1),
    quantity         integer  not null check (quantity >= 1),
    discount_minor   bigint   not null check (discount_minor >= 0),
    amount_minor     bigint   not null check (amount_minor = unit_price_minor * quantity - discount_minor
                                              and amount_minor >= 0),
    primary key (order_id, product_id)
);

-- Every change of an order: what caused it, in which trace.
create table order_transitions (
    order_id uuid        not null references orders (id),
    version  bigint      not null,
    status   text        not null,
    cause    text        not null,
    event_id uuid,
    trace_id text,
    at       timestamptz not null,
    primary key (order_id, version)
);

-- Payments that this order was ever in. One that ended is never taken again.
create table payment_attempts (
    order_id   uuid        not null references orders (id),
    payment_id uuid        not null,
    status     text        not null check (status in ('REQUESTED', 'COMPLETED', 'FAILED')),
    failure    text,
    started_at timestamptz not null,
    ended_at   timestamptz,
    primary key (order_id, payment_id),
    check ((status = 'REQUESTED') = (ended_at is null)),
    check ((status = 'FAILED') = (failure is not null))
);

create unique index payment_attempts_one_live on payment_attempts (order_id) where status <> 'FAILED';

-- Money that the order wants back, once per payment and cause.
create table refund_dues (
    refund_id  uuid        primary key,
    order_id   uuid        not null references orders (id),
    payment_id uuid        not null,
    reason     text        not null,
    restock    boolean     not null,
    due_at     timestamptz not null
);

create index refund_dues_of_order on refund_dues (order_id);

create table shipments (
    id           uuid        primary key,
    order_id     uuid        not null references orders (id),
    seller_id    uuid        not null,
    status       text        not null check (status in ('REQUESTED', 'SHIPPED', 'DELIVERED', 'CANCELLED')),
    requested_at timestamptz not null,
    shipped_at   timestamptz,
    delivered_at timestamptz,
    unique (order_id, seller_id)
);

-- The fingerprint of what was agreed, computed from the rows as they are now; Order.ContentHash in the code computes
-- the same before they are written. Lengths keep two texts from reading as one.
create function order_content_hash(wanted uuid) returns bytea language sql stable as $$
    select sha256(convert_to(
        concat_ws('|', o.id, o.user_id, o.subtotal_minor, o.discount_minor, o.total_minor, o.currency)
        || coalesce((
            select string_agg(
                       E'\n' || concat_ws('|', l.product_id, l.seller_id, octet_length(l.category), l.category,
                                          octet_length(l.name), l.name, l.unit_price_minor, l.quantity,
                                          l.discount_minor, l.amount_minor),
                       '' order by l.line_no)
              from order_lines l
             where l.order_id = o.id), ''), 'UTF8'))
      from orders o
     where o.id = wanted
$$;

create function refuse_to_change_the_past() returns trigger language plpgsql as $$
begin
    raise exception 'The past is not changed: % of % is refused.', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end
$$;

create trigger orders_keep_what_was_agreed before update on orders for each row
    when (old.status = 'ABANDONED' or new.status = 'ABANDONED'
        or old.id is distinct from new.id
        or old.user_id is distinct from new.user_id
        or old.subtotal_minor is distinct from new.subtotal_minor
        or old.discount_minor is distinct from new.discount_minor
        or old.total_minor is distinct from new.total_minor
        or old.currency is distinct from new.currency
        or old.one_call is distinct from new.one_call
        or old.shipping_address::text is distinct from new.shipping_address::text
        or old.coupon_not_applied is distinct from new.coupon_not_applied
        or old.idempotency_key is distinct from new.idempotency_key
        or old.fingerprint is distinct from new.fingerprint
        or old.content_hash is distinct from new.content_hash
        or old.created_at is distinct from new.created_at
        or new.version < old.version
        or (new.version = old.version and new.status <> old.status)
        or (old.answer_status is not null and (old.answer_status is distinct from new.answer_status
            or old.answer::text is distinct from new.answer::text)))
    execute function refuse_to_change_the_past();

create trigger orders_stay before delete on orders for each row execute function refuse_to_change_the_past();
create trigger orders_are_not_emptied before truncate on orders execute function refuse_to_change_the_past();

create trigger order_lines_stay before update or delete on order_lines
    for each row execute function refuse_to_change_the_past();
create trigger order_lines_are_not_emptied before truncate on order_lines
    execute function refuse_to_change_the_past();

create trigger order_transitions_stay before update or delete on order_transitions
    for each row execute function refuse_to_change_the_past();
create trigger order_transitions_are_not_emptied before truncate on order_transitions
    execute function refuse_to_change_the_past();
