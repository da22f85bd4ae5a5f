-- Coupons and who has them. Amounts are minor units of the currency. A coupon's terms are frozen when it is created; of
-- its row only the number of coupons issued changes, and that only rises: what is sold out stays sold out.

create table coupons (
    id                  uuid        primary key,
    code                text        not null,
    discount_type       text        not null check (discount_type in ('AMOUNT', 'PERCENT')),
    amount_minor        bigint      check (amount_minor >= 1),
    percent             smallint    check (percent between 1 and 100),
    cap_minor           bigint      check (cap_minor >= 1),
    minimum_order_minor bigint      check (minimum_order_minor >= 0),
    products            uuid[],
    categories          text[],
    currency            text        not null,
    total_quantity      integer     not null check (total_quantity >= 1),
    issued              integer     not null default 0 check (issued between 0 and total_quantity),
    valid_from          timestamptz not null,
    valid_until         timestamptz check (valid_until > valid_from),
    created_at          timestamptz not null,
    check (case discount_type when 'AMOUNT' then amount_minor is not null and percent is null and cap_minor is null
                              else amount_minor is null and percent is not null end)
);

-- Two codes that a person can't tell apart when they are read aloud are one.
create unique index coupons_code on coupons (lower(code));
create index coupons_by_age on coupons (created_at, id);

-- The coupon of one user: ISSUED -> HELD by an unpaid order -> USED by a paid one, and back.
create table user_coupons (
    id              uuid        primary key,
    coupon_id       uuid        not null references coupons (id),
    user_id         uuid        not null,
    status          text        not null check (status in ('ISSUED', 'HELD', 'USED', 'EXPIRED')),
    version         bigint      not null default 1,
    order_id        uuid        references orders (id),
    idempotency_key text,
    fingerprint     bytea,
    expires_at      timestamptz,
    claimed_at      timestamptz not null,
    updated_at      timestamptz not null,
    unique (coupon_id, user_id),
    unique (user_id, idempotency_key),
    check (idempotency_key is null or fingerprint is not null),
    check ((status in ('HELD', 'USED')) = (order_id is not null))
);

create unique index user_coupons_one_per_order on user_coupons (order_id) where order_id is not null;
create index user_coupons_to_expire on user_coupons (expires_at) where status = 'ISSUED';
create index user_coupons_of_user on user_coupons (user_id, claimed_at, id);

-- What an order took off its price, and by which coupon, belongs to what was agreed.
alter table orders
    add column coupon_id   uuid references coupons (id),
    add column coupon_code text,
    add constraint orders_discount_by_coupon check (
        (coupon_id is null) = (coupon_code is null)
        and (coupon_id is not null) = (coalesce(discount_minor, 0) > 0));

create trigger orders_keep_their_coupon before update on orders for each row
    when (old.coupon_id is distinct from new.coupon_id or old.coupon_code is distinct from new.coupon_code)
    execute function refuse_to_change_the_past();

create trigger coupons_keep_their_terms before update on coupons for each row
    when ((old.id, old.code, old.discount_type, old.amount_minor, old.percent, old.cap_minor, old.minimum_order_minor,
           old.products, old.categories, old.currency, old.total_quantity, old.valid_from, old.valid_until,
           old.created_at)
        is distinct from
          (new.id, new.code, new.discount_type, new.amount_minor, new.percent, new.cap_minor, new.minimum_order_minor,
           new.products, new.categories, new.currency, new.total_quantity, new.valid_from, new.valid_until,
           new.created_at)
        or new.issued < old.issued)
    execute function refuse_to_change_the_past();
create trigger coupons_stay before delete on coupons for each row execute function refuse_to_change_the_past();
create trigger coupons_are_not_emptied before truncate on coupons execute function refuse_to_change_the_past();

create trigger user_coupons_keep_to_their_states before update on user_coupons for each row
    when ((old.id, old.coupon_id, old.user_id, old.idempotency_key, old.fingerprint, old.expires_at, old.claimed_at)
        is distinct from
          (new.id, new.coupon_id, new.user_id, new.idempotency_key, new.fingerprint, new.expires_at, new.claimed_at)
        or new.version <> old.version + 1
        or (old.status, new.status) not in (
            ('ISSUED', 'HELD'), ('ISSUED', 'EXPIRED'), ('HELD', 'ISSUED'), ('HELD', 'EXPIRED'), ('HELD', 'USED'),
            ('USED', 'ISSUED'), ('USED', 'EXPIRED'))
        or (old.status = 'HELD' and new.status = 'USED' and old.order_id is distinct from new.order_id))
    execute function refuse_to_change_the_past();
create trigger user_coupons_stay before delete on user_coupons
    for each row execute function refuse_to_change_the_past();
create trigger user_coupons_are_not_emptied before truncate on user_coupons
    execute function refuse_to_change_the_past();
