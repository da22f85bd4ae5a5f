-- What buyers are told of their orders: one row for each event and user. Ids, amounts and reasons out of a fixed list,
-- never personal data. No foreign key to the order: checking it would lock the order's row, and an order waits for
-- nobody who only tells of it. The proof compares them instead.
create table notifications (
    id           uuid        primary key,
    user_id      uuid        not null,
    event_id     uuid        not null,
    type         text        not null check (type in (
                     'ORDER_PLACED', 'ORDER_PAID', 'ORDER_CANCELLED', 'ORDER_EXPIRED', 'ORDER_SHIPPED',
                     'ORDER_DELIVERED', 'REFUND_COMPLETED', 'PAYMENT_FAILED')),
    order_id     uuid        not null,
    payment_id   uuid,
    refund_id    uuid,
    shipment_id  uuid,
    amount_minor bigint      check (amount_minor >= 0),
    currency     text,
    failure      text,
    created_at   timestamptz not null,
    unique (event_id, user_id),
    check ((amount_minor is null) = (currency is null))
);

create index notifications_of_user on notifications (user_id, created_at, id);
