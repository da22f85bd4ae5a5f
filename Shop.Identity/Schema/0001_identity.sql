-- Users, their sessions, and the keys that sign tokens. E-mail, name and phone are encrypted by the service; the
-- e-mail is found by a keyed hash, so that a copy of this database names nobody.

create table users (
    id            uuid        primary key,
    email_hash    bytea       not null unique check (length(email_hash) = 32),
    email         bytea       not null,
    name          bytea       not null,
    phone         bytea,
    password_hash text        not null,
    roles         text[]      not null,
    seller_id     uuid,
    version       bigint      not null default 1,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    constraint users_roles_known check (cardinality(roles) > 0 and roles <@ array['customer', 'seller', 'admin']),
    constraint users_seller_has_id check ((seller_id is not null) = ('seller' = any (roles)))
);

-- One row per e-mail that a login failed for, whether a user has it or not: lockout must not tell which exist.
create table login_failures (
    email_hash   bytea       primary key check (length(email_hash) = 32),
    failures     int         not null check (failures > 0),
    failed_at    timestamptz not null,
    locked_until timestamptz
);

create index login_failures_by_age on login_failures (failed_at);

-- A family is one login and every refresh token that came of it.
create table refresh_families (
    id         uuid        primary key,
    user_id    uuid        not null references users (id),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz
);

create index refresh_families_of_user on refresh_families (user_id) where revoked_at is null;
create index refresh_families_by_end on refresh_families (expires_at);

create table refresh_tokens (
    token_hash bytea       primary key check (length(token_hash) = 32),
    family_id  uuid        not null references refresh_families (id) on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);

-- One live token per family: a rotation that ran twice fails here, whatever the code does.
create unique index refresh_tokens_one_live on refresh_tokens (family_id) where used_at is null;
create index refresh_tokens_of_family on refresh_tokens (family_id);

create table signing_keys (
    kid                   text        primary key,
    private_key_encrypted bytea       not null,
    created_at            timestamptz not null,
    activates_at          timestamptz not null unique
);
