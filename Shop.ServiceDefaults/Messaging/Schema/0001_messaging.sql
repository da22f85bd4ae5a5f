-- The messaging kernel's tables, the same in every service's database.

create table outbox (
    id          bigint generated always as identity,
    slot        timestamptz not null,
    xid         xid8        not null default pg_current_xact_id(),
    event_id    uuid        not null,
    stream      text        not null,
    type        text        not null,
    key         uuid        not null,
    version     bigint      not null,
    occurred_at timestamptz not null,
    request_id  text,
    traceparent text,
    payload     jsonb       not null,
    primary key (slot, id)
) partition by range (slot);

create index outbox_by_commit on outbox (xid, id);

-- Where events go whose partition was not made in time: an insert never fails for want of a partition.
create table outbox_default partition of outbox default;
