-- What the recovery sweeps of this database have done, by kind, over all processes and restarts.
create table recovery_counts (
    kind      text        primary key,
    found     bigint      not null check (found >= 0),
    recovered bigint      not null check (recovered >= 0),
    failed    bigint      not null check (failed >= 0),
    last_at   timestamptz not null
);

-- The latest run of the proof, for every process that is asked how the shop is. Kept in one of the databases.
create table proof_runs (
    only_one    boolean     primary key default true check (only_one),
    finished_at timestamptz not null,
    seconds     float8      not null,
    holds       boolean     not null,
    report      jsonb       not null
);
