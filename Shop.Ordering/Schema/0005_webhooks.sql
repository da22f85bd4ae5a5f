-- Other systems that want to hear of events, and what is sent to them.

create table webhooks (
    id         uuid        primary key,
    url        text        not null,
    -- Types with or without their version; null: all.
    events     text[]      check (cardinality(events) > 0),
    secret     bytea       not null,
    created_at timestamptz not null,
    -- Rounds in a row in which nothing was taken there, and when the next one may be.
    failures   integer     not null default 0 check (failures >= 0),
    resume_at  timestamptz not null
);

create table webhook_deliveries (
    webhook_id   uuid        not null references webhooks (id) on delete cascade,
    event_id     uuid        not null,
    type         text        not null,
    -- Kept as it is sent: every attempt sends the same bytes.
    body         text        not null,
    attempts     integer     not null default 0 check (attempts >= 0),
    next_at      timestamptz not null,
    delivered_at timestamptz,
    given_up_at  timestamptz,
    last_error   text,
    created_at   timestamptz not null,
    primary key (webhook_id, event_id),
    check (num_nonnulls(delivered_at, given_up_at) < 2)
);

create index webhook_deliveries_to_send on webhook_deliveries (webhook_id, next_at)
    where delivered_at is null and given_up_at is null;
create index webhook_deliveries_of_webhook on webhook_deliveries (webhook_id, created_at, event_id);
create index webhook_deliveries_by_age on webhook_deliveries (created_at);
