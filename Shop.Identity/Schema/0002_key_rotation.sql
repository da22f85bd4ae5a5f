-- Keys that outlive the secret they are sealed under, such as the one that finds an e-mail by its hash.
create table stable_keys (
    name   text  primary key,
    sealed bytea not null
);
