-- Events on their way to the data platform. A row leaves when the target has taken it.

create table feed_rows (
    id        bigint      generated always as identity primary key,
    event_id  uuid        not null unique,
    line      text        not null,
    stored_at timestamptz not null
);

-- Who may send: one at a time, so that a key's events leave in their order. After a failure it is the pause as well.
create table feed_sender (
    only_one   boolean     primary key default true check (only_one),
    lent_until timestamptz not null default '-infinity',
    failures   integer     not null default 0 check (failures >= 0),
    last_error text
);

insert into feed_sender default values;
