-- What a service's role may do with the messaging kernel's tables: no more than the kernel does. Applied at every
-- start, after all that the role had was taken away: a table without a line here is closed to the service. Partitions
-- are made and dropped by the owner; the role reaches their rows through the table they are parts of.

grant select, insert on outbox to :"role";
grant select on outbox_default to :"role"; -- How old its oldest row is.
grant select on sequence outbox_id_seq to :"role"; -- How far the ids are drawn: docs/adr/0010-relay-order.md.
grant select, insert on inbox to :"role";
grant select, insert on audit_log to :"role";

grant select, insert, update (epoch, holder, renewed_at, last_id) on leases to :"role";
grant select, insert, update (stream, since_slot, until_slot) on subscriptions to :"role";
grant select, insert, update (whole_until) on group_progress to :"role";
grant select, insert, update (attempts, error), delete on parked_events to :"role";

-- What sweeps counted and what the proof last found.
grant select, insert, update (found, recovered, failed, last_at) on recovery_counts to :"role";
grant select, insert, update (finished_at, seconds, holds, report) on proof_runs to :"role";
