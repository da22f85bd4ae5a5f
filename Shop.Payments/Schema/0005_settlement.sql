-- Settlement: what each seller's sales of a day come to, down to the order's line. Amounts are minor units.

-- What the shop keeps of a sale, in basis points of what is paid for it. The row without a seller is everybody else's.
create table seller_fees (
    seller_id    uuid unique nulls not distinct,
    basis_points int  not null check (basis_points between 0 and 10000)
);

insert into seller_fees (seller_id, basis_points) values (null, 300);

create trigger seller_fees_default_kept before delete on seller_fees
    for each row when (old.seller_id is null) execute function refuse_change();

-- Frozen with the line: amount is what is paid, discount what was taken off before, fee what the shop keeps of amount.
alter table payment_lines
    add column discount bigint not null default 0,
    add column fee      bigint not null default 0,
    add constraint payment_lines_discount check (discount >= 0),
    add constraint payment_lines_fee check (fee between 0 and amount);

create trigger payment_lines_shares_frozen before update on payment_lines
    for each row when ((old.discount, old.fee) is distinct from (new.discount, new.fee))
    execute function refuse_change();

-- Discount and fee that went back with a line of a refund that completed.
create table refund_shares (
    refund_id  uuid   not null,
    product_id uuid   not null,
    discount   bigint not null check (discount >= 0),
    fee        bigint not null check (fee >= 0),
    primary key (refund_id, product_id),
    foreign key (refund_id, product_id) references refund_lines (refund_id, product_id)
);

create table settlement_days (
    day       date        primary key,
    status    text        not null default 'OPEN' check (status in ('OPEN', 'CLOSED')),
    closed_at timestamptz,
    constraint settlement_days_closed check ((closed_at is not null) = (status = 'CLOSED'))
);

-- One for each line that was captured and each that was refunded, with minus. day is the day that it counts for.
create table settlement_lines (
    source_id             uuid        not null,
    product_id            uuid        not null,
    kind                  text        not null check (kind in ('CAPTURE', 'REFUND')),
    statement_id          uuid        not null,
    day                   date        not null references settlement_days (day),
    seller_id             uuid        not null,
    category              text        not null,
    payment_id            uuid        not null references payments (id),
    order_id              uuid        not null,
    quantity              int         not null,
    gross                 bigint      not null,
    discount              bigint      not null,
    fee                   bigint      not null,
    net                   bigint      not null check (net = gross - discount - fee),
    currency              text        not null,
    ledger_transaction_id uuid        not null references ledger_transactions (id),
    occurred_at           timestamptz not null,
    primary key (source_id, product_id),
    constraint settlement_lines_sign check (
        case kind
          when 'CAPTURE' then least(quantity, gross, discount, fee, net) >= 0
          else greatest(quantity, gross, discount, fee, net) <= 0
        end)
);

create index settlement_lines_by_statement on settlement_lines (statement_id, occurred_at, source_id, product_id);
create index settlement_lines_by_day on settlement_lines (day, seller_id, category);

create table settlement_statements (
    id         uuid   primary key,
    day        date   not null references settlement_days (day),
    seller_id  uuid   not null,
    category   text   not null,
    currency   text   not null,
    line_count bigint not null check (line_count > 0),
    orders     bigint not null,
    gross      bigint not null,
    discount   bigint not null,
    refunds    bigint not null,
    fee        bigint not null,
    net        bigint not null check (net = gross - discount - fee),
    unique (day, seller_id, category, currency)
);

create index settlement_statements_by_seller on settlement_statements (seller_id, day);

-- Lines and statements come into being while their day is open, never after. FOR SHARE: whoever closes the day waits.
create function require_open_day() returns trigger language plpgsql as $$
begin
    perform 1 from settlement_days d where d.day = new.day and d.status = 'OPEN' for share;
    if not found then
        raise exception '% is closed: nothing is added to it', new.day
            using errcode = 'check_violation', constraint = 'settlement_day_open';
    end if;
    return new;
end $$;

create trigger settlement_lines_day_open before insert on settlement_lines
    for each row execute function require_open_day();
create trigger settlement_statements_day_open before insert on settlement_statements
    for each row execute function require_open_day();

create trigger settlement_days_stay_closed before update on settlement_days
    for each row when (old.status = 'CLOSED' or old.day <> new.day) execute function refuse_change();
create trigger settlement_days_kept before delete on settlement_days
    for each row execute function refuse_change();
create trigger settlement_days_no_truncate before truncate on settlement_days
    for each statement execute function refuse_change();
create trigger settlement_lines_append_only before update or delete on settlement_lines
    for each row execute function refuse_change();
create trigger settlement_lines_no_truncate before truncate on settlement_lines
    for each statement execute function refuse_change();
create trigger settlement_statements_append_only before update or delete on settlement_statements
    for each row execute function refuse_change();
create trigger settlement_statements_no_truncate before truncate on settlement_statements
    for each statement execute function refuse_change();
create trigger refund_shares_append_only before update or delete on refund_shares
    for each row execute function refuse_change();
create trigger refund_shares_no_truncate before truncate on refund_shares
    for each statement execute function refuse_change();
