-- Who used which privilege, on what, when: written in the transaction of the act, so that neither is there without the
-- other. Ids only, no personal data.

create table audit_log (
    id       bigint      generated always as identity primary key,
    at       timestamptz not null,
    actor    text        not null, -- The id of a user, or the name of a service.
    act      text        not null,
    target   text        not null,
    trace_id text
);

create function refuse_to_change_the_audit() returns trigger language plpgsql as $$
begin
    raise exception 'The audit log only grows: % is refused.', tg_op using errcode = 'restrict_violation';
end
$$;

create trigger audit_log_stays before update or delete on audit_log
    for each row execute function refuse_to_change_the_audit();
create trigger audit_log_is_not_emptied before truncate on audit_log
    execute function refuse_to_change_the_audit();
