-- What refunds of an order's payment are about: units that are not to be sent while Payments gives their money back, and
-- never once it has. An attempt ends with RefundCompleted, with RefundFailed, or by a tombstone at Payments.

create table refund_attempts (
    refund_id  uuid        primary key,
    order_id   uuid        not null references orders (id),
    payment_id uuid        not null,
    restock    boolean     not null,
    status     text        not null check (status in ('REQUESTED', 'COMPLETED', 'FAILED')),
    failure    text,
    -- When the recovery sweep asks Payments about it.
    recover_at timestamptz,
    started_at timestamptz not null,
    ended_at   timestamptz,
    check ((status = 'REQUESTED') = (ended_at is null)),
    check ((status = 'REQUESTED') = (recover_at is not null)),
    check ((status = 'FAILED') = (failure is not null))
);

create index refund_attempts_of_order on refund_attempts (order_id);
create index refund_attempts_to_recover on refund_attempts (recover_at) where status = 'REQUESTED';

-- While the attempt is REQUESTED the units that it freezes, after it the units that were refunded.
create table refund_attempt_lines (
    refund_id  uuid    not null references refund_attempts (refund_id),
    product_id uuid    not null,
    quantity   integer not null check (quantity > 0),
    primary key (refund_id, product_id)
);

create trigger refund_attempts_end_once before update on refund_attempts for each row
    when (old.status <> 'REQUESTED'
        or (old.refund_id, old.order_id, old.payment_id, old.started_at)
           is distinct from (new.refund_id, new.order_id, new.payment_id, new.started_at))
    execute function refuse_to_change_the_past();
create trigger refund_attempts_stay before delete on refund_attempts
    for each row execute function refuse_to_change_the_past();
create trigger refund_attempts_are_not_emptied before truncate on refund_attempts
    execute function refuse_to_change_the_past();
