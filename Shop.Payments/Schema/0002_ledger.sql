-- The double-entry ledger. A debit is positive, a credit negative; amounts are minor units of the currency.
-- An account's balance is the sum of its entries: no row is kept for it, which every payment would wait for.

create table ledger_transactions (
    id          uuid        primary key,
    source_id   uuid        not null,
    kind        text        not null check (kind ~ '^[A-Z_]+$'),
    currency    text        not null check (currency ~ '^[A-Z]{3}$'),
    entry_count int         not null check (entry_count >= 2),
    trace_id    text,
    at          timestamptz not null,

    -- What a payment or refund does to the ledger, it does once.
    constraint ledger_transactions_once unique (source_id, kind)
);

create table ledger_entries (
    transaction_id uuid   not null references ledger_transactions (id),
    account        text   not null check (account ~ '^[a-z]+(-[a-z]+)*(:[0-9a-f-]{36})?$'),
    amount         bigint not null check (amount <> 0),
    primary key (transaction_id, account)
);

create index ledger_entries_by_account on ledger_entries (account, transaction_id) include (amount);

-- Asked at COMMIT, when a transaction's entries are all there. The count closes it: entries that come later are
-- refused even where they add up to zero.
create function check_ledger_transaction() returns trigger language plpgsql as $$
declare
    checked uuid;
    sum     numeric;
    entries int;
begin
    if tg_table_name = 'ledger_entries' then
        checked := new.transaction_id;
    else
        checked := new.id;
    end if;

    select coalesce(sum(e.amount), 0), count(*) into sum, entries
      from ledger_entries e where e.transaction_id = checked;
    if sum <> 0 then
        raise exception 'ledger transaction % is out of balance by %', checked, sum
            using errcode = 'check_violation', constraint = 'ledger_balanced';
    end if;
    if entries <> (select t.entry_count from ledger_transactions t where t.id = checked) then
        raise exception 'ledger transaction % does not have the entries that it was made with', checked
            using errcode = 'check_violation', constraint = 'ledger_closed';
    end if;
    return null;
end $$;

create constraint trigger ledger_transactions_balanced after insert on ledger_transactions
    deferrable initially deferred for each row execute function check_ledger_transaction();
create constraint trigger ledger_entries_balanced after insert on ledger_entries
    deferrable initially deferred for each row execute function check_ledger_transaction();

create trigger ledger_transactions_append_only before update or delete on ledger_transactions
    for each row execute function refuse_change();
create trigger ledger_transactions_no_truncate before truncate on ledger_transactions
    for each statement execute function refuse_change();
create trigger ledger_entries_append_only before update or delete on ledger_entries
    for each row execute function refuse_change();
create trigger ledger_entries_no_truncate before truncate on ledger_entries
    for each statement execute function refuse_change();

-- The triggers bind everybody; the rights also say it to the service's own role. Its UPDATE on the transactions stays:
-- the entries' foreign key locks their rows by it.
revoke update, delete, truncate on ledger_entries from public, current_user;
revoke delete, truncate on ledger_transactions from public, current_user;
