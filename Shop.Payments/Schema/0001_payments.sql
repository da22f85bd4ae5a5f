-- Payments and refunds. All amounts are minor units of the row's currency.

create table payments (
    id              uuid        primary key,
    order_id        uuid,
    user_id         uuid,
    purpose         text        not null default 'ORDER' check (purpose in ('ORDER', 'TOP_UP')),
    method          text        check (method in ('CARD', 'POINTS', 'SPLIT')),
    card_token      text,
    currency        text        check (currency ~ '^[A-Z]{3}$'),
    amount          bigint      not null,
    card_amount     bigint      not null,
    points_amount   bigint      not null,
    card_captured   bigint      not null default 0,
    points_captured bigint      not null default 0,
    card_refunded   bigint      not null default 0,
    points_refunded bigint      not null default 0,
    status          text        not null
                    check (status in ('REQUESTED', 'PROCESSING', 'COMPLETED', 'FAILED', 'ABANDONED')),
    failure         text,
    void_due        boolean     not null default false,
    idempotency_key text,
    fingerprint     bytea,
    answer_status   int,
    answer          text,
    version         bigint      not null default 1,
    next_ask_at     timestamptz,
    ask_count       int         not null default 0,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,

    constraint payments_key unique (user_id, idempotency_key),
    constraint payments_legs check (card_amount >= 0 and points_amount >= 0 and amount = card_amount + points_amount),
    -- A tombstone knows its id and who asked, nothing else.
    constraint payments_whole check (
        status = 'ABANDONED'
        or (user_id is not null and method is not null and currency is not null and amount > 0)),
    constraint payments_purpose check (
        status = 'ABANDONED' or (purpose = 'ORDER') = (order_id is not null)),
    constraint payments_method check (
        status = 'ABANDONED'
        or case method
             when 'CARD' then points_amount = 0 and card_token is not null
             when 'POINTS' then card_amount = 0 and purpose = 'ORDER'
             else card_amount > 0 and points_amount > 0 and card_token is not null and purpose = 'ORDER'
           end),
    -- A key is missing only where its owner is another payment or nobody.
    constraint payments_answer check (
        (idempotency_key is null) = (answer is null)
        and (idempotency_key is null) = (fingerprint is null)
        and (idempotency_key is null) = (answer_status is null)
        and (idempotency_key is not null or status in ('FAILED', 'ABANDONED'))),
    constraint payments_failure check ((failure is not null) = (status in ('FAILED', 'ABANDONED'))),
    -- Money is captured with COMPLETED, or late, after the payment had ended: then it is owed back.
    constraint payments_captured check (
        card_captured >= 0 and points_captured >= 0
        and case status
              when 'COMPLETED' then card_captured = card_amount and points_captured = points_amount
              when 'REQUESTED' then card_captured = 0 and points_captured = 0
              when 'PROCESSING' then card_captured = 0 and points_captured = 0
              else points_captured = 0
            end),
    constraint payments_card_refund_cap check (card_refunded between 0 and card_captured),
    constraint payments_points_refund_cap check (points_refunded between 0 and points_captured),
    constraint payments_ask check ((next_ask_at is not null) = (status in ('REQUESTED', 'PROCESSING')))
);

-- At most one payment of an order is on its way or done.
create unique index payments_one_live on payments (order_id)
    where status in ('REQUESTED', 'PROCESSING', 'COMPLETED');
create index payments_by_order on payments (order_id, created_at, id);
create index payments_to_ask on payments (next_ask_at) where next_ask_at is not null;

-- The order's lines as they were at the attempt, and how much of each was given back.
create table payment_lines (
    payment_id        uuid   not null references payments (id),
    product_id        uuid   not null,
    seller_id         uuid   not null,
    category          text   not null,
    quantity          int    not null check (quantity > 0),
    amount            bigint not null check (amount >= 0),
    refunded_quantity int    not null default 0,
    refunded_amount   bigint not null default 0,
    primary key (payment_id, product_id),
    constraint payment_lines_quantity_cap check (refunded_quantity between 0 and quantity),
    constraint payment_lines_amount_cap check (refunded_amount between 0 and amount)
);

create table payment_transitions (
    payment_id  uuid        not null references payments (id),
    version     bigint      not null,
    from_status text,
    to_status   text        not null,
    cause       text        not null,
    trace_id    text,
    at          timestamptz not null,
    primary key (payment_id, version)
);

create table refunds (
    id              uuid        primary key,
    payment_id      uuid        not null references payments (id),
    cause           text        not null check (cause in ('CUSTOMER', 'ORDER', 'LATE_CAPTURE')),
    owed            boolean     not null,
    reason          text        not null,
    restock         boolean     not null,
    card            bigint      not null check (card >= 0),
    points          bigint      not null check (points >= 0),
    status          text        not null check (status in ('REQUESTED', 'PROCESSING', 'COMPLETED', 'FAILED')),
    failure         text,
    last_answer     text,
    user_id         uuid,
    idempotency_key text,
    fingerprint     bytea,
    answer_status   int,
    answer          text,
    next_try_at     timestamptz,
    try_count       int         not null default 0,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,

    constraint refunds_key unique (user_id, idempotency_key),
    constraint refunds_amount check (card + points > 0),
    constraint refunds_failure check ((failure is not null) = (status = 'FAILED')),
    -- What the shop owes is retried until it is paid.
    constraint refunds_owed_never_fail check (not (owed and status = 'FAILED')),
    constraint refunds_try check ((next_try_at is not null) = (status in ('REQUESTED', 'PROCESSING')))
);

create unique index refunds_one_open on refunds (payment_id) where status in ('REQUESTED', 'PROCESSING') and owed;
create index refunds_by_payment on refunds (payment_id);
create index refunds_to_try on refunds (next_try_at) where next_try_at is not null;

create table refund_lines (
    refund_id  uuid   not null references refunds (id),
    product_id uuid   not null,
    quantity   int    not null check (quantity >= 0),
    amount     bigint not null check (amount >= 0),
    primary key (refund_id, product_id)
);

create table refund_transitions (
    refund_id   uuid        not null references refunds (id),
    from_status text,
    to_status   text        not null,
    cause       text        not null,
    trace_id    text,
    at          timestamptz not null,
    primary key (refund_id, to_status)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% of % is refused: its rows never change', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end $$;

create trigger payment_transitions_append_only before update or delete on payment_transitions
    for each row execute function refuse_change();
create trigger payment_transitions_no_truncate before truncate on payment_transitions
    for each statement execute function refuse_change();
create trigger refund_transitions_append_only before update or delete on refund_transitions
    for each row execute function refuse_change();
create trigger refund_transitions_no_truncate before truncate on refund_transitions
    for each statement execute function refuse_change();
create trigger refund_lines_append_only before update or delete on refund_lines
    for each row execute function refuse_change();
create trigger refund_lines_no_truncate before truncate on refund_lines
    for each statement execute function refuse_change();
create trigger payments_kept before delete on payments
    for each row execute function refuse_change();
create trigger payments_no_truncate before truncate on payments
    for each statement execute function refuse_change();
create trigger payment_lines_kept before delete on payment_lines
    for each row execute function refuse_change();
create trigger payment_lines_no_truncate before truncate on payment_lines
    for each statement execute function refuse_change();
create trigger refunds_kept before delete on refunds
    for each row execute function refuse_change();
create trigger refunds_no_truncate before truncate on refunds
    for each statement execute function refuse_change();

create trigger payments_terms_frozen before update on payments
    for each row when ((old.id, old.order_id, old.user_id, old.purpose, old.method, old.card_token, old.currency,
                        old.amount, old.card_amount, old.points_amount, old.idempotency_key, old.fingerprint,
                        old.answer_status, old.answer, old.created_at)
                       is distinct from
                       (new.id, new.order_id, new.user_id, new.purpose, new.method, new.card_token, new.currency,
                        new.amount, new.card_amount, new.points_amount, new.idempotency_key, new.fingerprint,
                        new.answer_status, new.answer, new.created_at))
    execute function refuse_change();
create trigger payment_lines_terms_frozen before update on payment_lines
    for each row when ((old.payment_id, old.product_id, old.seller_id, old.category, old.quantity, old.amount)
                       is distinct from
                       (new.payment_id, new.product_id, new.seller_id, new.category, new.quantity, new.amount))
    execute function refuse_change();
create trigger refunds_terms_frozen before update on refunds
    for each row when ((old.id, old.payment_id, old.cause, old.owed, old.restock, old.card, old.points)
                       is distinct from
                       (new.id, new.payment_id, new.cause, new.owed, new.restock, new.card, new.points))
    execute function refuse_change();
