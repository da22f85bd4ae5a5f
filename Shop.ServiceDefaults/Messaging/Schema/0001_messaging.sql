-- The messaging kernel's tables, the same in every service's database.

-- xid stands before id so that a row's defaults give its transaction an xid before it draws an id: the relay relies on
-- it (docs/adr/0010-relay-order.md).
create table outbox (
    xid         xid8        not null default pg_current_xact_id(),
    id          bigint      generated always as identity,
    slot        timestamptz not null,
    event_id    uuid        not null,
    stream      text        not null,
    type        text        not null,
    key         uuid        not null,
    version     bigint      not null,
    occurred_at timestamptz not null,
    request_id  text,
    traceparent text,
    payload     jsonb       not null,
    primary key (id, slot)
) partition by range (slot);

-- Rows arrive in the order of their slots, so a block range index finds a slot's rows and costs the writers nothing.
create index outbox_by_slot on outbox using brin (slot) with (pages_per_range = 16, autosummarize = on);

-- Where events go whose partition was not made in time: an insert never fails for want of a partition.
create table outbox_default partition of outbox default;

-- One row for each event that a group has handled, written with the handler's effect.
create table inbox (
    consumer_group text        not null,
    slot           timestamptz not null,
    event_id       uuid        not null,
    type           text        not null,
    handled_at     timestamptz not null default now(),
    primary key (consumer_group, slot, event_id)
) partition by range (slot);

create table inbox_default partition of inbox default;

-- Who may act alone: the relay of this database, the reader of a group's stream, the reconciler. Times are the
-- database's own. last_id is the relay's cursor: every event up to it is on its stream.
create table leases (
    name       text        primary key,
    epoch      bigint      not null,
    holder     text        not null,
    renewed_at timestamptz not null,
    last_id    bigint      not null default 0
);

-- What each group handles. It owes nothing before since_slot, and nothing from until_slot on.
create table subscriptions (
    consumer_group text        not null,
    type           text        not null,
    stream         text        not null,
    since_slot     timestamptz not null,
    until_slot     timestamptz,
    primary key (consumer_group, type)
);

-- Up to here (exclusive) a group has every event of every slot, by count or by id.
create table group_progress (
    consumer_group text        primary key,
    whole_until    timestamptz not null
);

-- Events that a group could not handle, and those of the same key behind them, in the order of their ids.
create table parked_events (
    id             bigint      generated always as identity primary key,
    consumer_group text        not null,
    slot           timestamptz not null,
    event_id       uuid        not null,
    stream         text        not null,
    type           text        not null,
    key            uuid        not null,
    version        bigint      not null,
    occurred_at    timestamptz not null,
    request_id     text,
    traceparent    text,
    payload        jsonb       not null,
    error          text        not null,
    attempts       integer     not null check (attempts >= 0),
    trace_id       text,
    parked_at      timestamptz not null default now(),
    unique (consumer_group, event_id)
);

create index parked_events_by_key on parked_events (consumer_group, key, id);
create index parked_events_by_slot on parked_events (slot);
