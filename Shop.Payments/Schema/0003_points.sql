-- Points: an account for each customer, made of lots that expire. One point is one minor unit of the default currency.
-- Whoever changes anything of an account locks the account's row first, so its lots and holds need no locks of their
-- own; where a payment or a refund is locked too, that comes before.

create table points_accounts (
    user_id    uuid        primary key,
    available  bigint      not null default 0 check (available >= 0),
    held       bigint      not null default 0 check (held >= 0),
    -- How many entries there are: the number of the last one.
    entries    bigint      not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- What came in at one time, with the time it lasts. The lot of a top-up has the id of its payment and is empty until
-- the money is captured; what comes back after its lot's date is a lot of its own, which names its origin.
create table points_lots (
    id         uuid        primary key,
    user_id    uuid        not null references points_accounts (user_id),
    origin_id  uuid        references points_lots (id),
    amount     bigint      not null check (amount > 0),
    available  bigint      not null check (available >= 0),
    held       bigint      not null default 0 check (held >= 0),
    expires_at timestamptz not null,
    expired_at timestamptz,
    created_at timestamptz not null,
    constraint points_lots_whole check (available + held <= amount),
    constraint points_lots_expired check (expired_at is null or available = 0)
);

create index points_lots_to_spend on points_lots (user_id, expires_at, id) where available > 0;
create index points_lots_to_expire on points_lots (expires_at) where available > 0;

-- Points that wait for an outcome. The id is that of the payment they pay, or of the refund that takes them back.
create table points_holds (
    id         uuid        primary key,
    user_id    uuid        not null references points_accounts (user_id),
    amount     bigint      not null check (amount > 0),
    status     text        not null check (status in ('HELD', 'CAPTURED', 'RELEASED')),
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create index points_holds_live on points_holds (user_id) where status = 'HELD';

-- Which lots a hold took from, and how much of each a refund gave back after it was captured.
create table points_hold_lots (
    hold_id  uuid   not null references points_holds (id),
    lot_id   uuid   not null references points_lots (id),
    amount   bigint not null check (amount > 0),
    returned bigint not null default 0,
    primary key (hold_id, lot_id),
    constraint points_hold_lots_return_cap check (returned between 0 and amount)
);

create index points_hold_lots_by_lot on points_hold_lots (lot_id);

-- Every change of what a customer owns: available and held together. A hold changes only which of the two it is.
create table points_entries (
    user_id   uuid        not null references points_accounts (user_id),
    number    bigint      not null,
    kind      text        not null check (kind in ('CHARGED', 'USED', 'RETURNED', 'EXPIRED', 'TAKEN_BACK')),
    amount    bigint      not null,
    balance   bigint      not null check (balance >= 0),
    -- The payment that was CHARGED or USED, the refund that RETURNED or TAKEN_BACK, the lot that EXPIRED.
    source_id uuid        not null,
    at        timestamptz not null,
    primary key (user_id, number),
    constraint points_entries_once unique (source_id, kind),
    constraint points_entries_sign check (
        case when kind in ('CHARGED', 'RETURNED') then amount > 0 else amount < 0 end)
);

create trigger points_accounts_kept before delete on points_accounts
    for each row execute function refuse_change();
create trigger points_accounts_no_truncate before truncate on points_accounts
    for each statement execute function refuse_change();
create trigger points_lots_kept before delete on points_lots
    for each row execute function refuse_change();
create trigger points_lots_no_truncate before truncate on points_lots
    for each statement execute function refuse_change();
create trigger points_holds_kept before delete on points_holds
    for each row execute function refuse_change();
create trigger points_holds_no_truncate before truncate on points_holds
    for each statement execute function refuse_change();
create trigger points_hold_lots_kept before delete on points_hold_lots
    for each row execute function refuse_change();
create trigger points_hold_lots_no_truncate before truncate on points_hold_lots
    for each statement execute function refuse_change();
create trigger points_entries_append_only before update or delete on points_entries
    for each row execute function refuse_change();
create trigger points_entries_no_truncate before truncate on points_entries
    for each statement execute function refuse_change();

create trigger points_lots_terms_frozen before update on points_lots
    for each row when ((old.id, old.user_id, old.origin_id, old.amount, old.expires_at, old.created_at)
                       is distinct from
                       (new.id, new.user_id, new.origin_id, new.amount, new.expires_at, new.created_at)
                       or old.expired_at is not null and old.expired_at is distinct from new.expired_at)
    execute function refuse_change();
-- A hold ends once.
create trigger points_holds_terms_frozen before update on points_holds
    for each row when ((old.id, old.user_id, old.amount, old.created_at)
                       is distinct from (new.id, new.user_id, new.amount, new.created_at)
                       or old.status <> 'HELD' and old.status <> new.status)
    execute function refuse_change();
create trigger points_hold_lots_terms_frozen before update on points_hold_lots
    for each row when ((old.hold_id, old.lot_id, old.amount) is distinct from (new.hold_id, new.lot_id, new.amount)
                       or new.returned < old.returned)
    execute function refuse_change();
