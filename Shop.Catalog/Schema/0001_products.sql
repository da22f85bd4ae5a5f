-- Who sells is Identity's business: a seller's row appears with the first product, its name when it is known.
create table sellers (
    id   uuid primary key,
    name text
);

create table products (
    id          uuid        primary key,
    seller_id   uuid        not null references sellers (id),
    category    text        not null check (length(category) between 1 and 60),
    name        text        not null check (length(name) between 1 and 200),
    description text        not null check (length(description) <= 4000),
    unit_price  bigint      not null check (unit_price between 1 and 1000000000000),
    currency    text        not null check (currency = 'KRW'),
    status      text        not null check (status in ('DRAFT', 'ON_SALE', 'SUSPENDED', 'DISCONTINUED')),
    version     bigint      not null default 1,
    created_at  timestamptz not null,
    search      tsvector    not null generated always as (to_tsvector('simple', name || ' ' || description)) stored
);

-- One index per sort order, each ending in the id, so that a page starts where the last one ended.
create index products_newest on products (created_at, id);
create index products_by_price on products (unit_price, id);
create index products_by_name on products (name, id);
create index products_of_category on products (category, created_at, id);
create index products_of_seller on products (seller_id, created_at, id);
create index products_by_text on products using gin (search);
