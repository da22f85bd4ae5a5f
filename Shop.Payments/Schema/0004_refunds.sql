-- Refunds that somebody asks for: with a key, lines and an end that may be FAILED. ABANDONED is a tombstone: Ordering
-- asked about a refund that was not there, and now it never will be.

alter table refunds
    drop constraint refunds_status_check,
    drop constraint refunds_amount,
    drop constraint refunds_failure;

alter table refunds
    add constraint refunds_status_check
        check (status in ('REQUESTED', 'PROCESSING', 'COMPLETED', 'FAILED', 'ABANDONED')),
    -- One that was refused after Ordering's yes is stored without an amount, so that Ordering hears of its end.
    add constraint refunds_amount check (card + points > 0 or status in ('FAILED', 'ABANDONED')),
    add constraint refunds_failure check ((failure is not null) = (status in ('FAILED', 'ABANDONED'))),
    add constraint refunds_tombstone check (status <> 'ABANDONED' or card + points = 0),
    add constraint refunds_owed check (owed = (cause <> 'CUSTOMER')),
    add constraint refunds_answer check (
        (idempotency_key is null) = (cause <> 'CUSTOMER' or status = 'ABANDONED')
        and (idempotency_key is null) = (fingerprint is null)
        and (idempotency_key is null) = (answer_status is null)
        and (idempotency_key is null) = (answer is null)
        and (idempotency_key is null) = (user_id is null));

-- A refund ends once, and what was asked and answered stays as it was.
create trigger refunds_end_once before update on refunds
    for each row when ((old.status in ('COMPLETED', 'FAILED', 'ABANDONED') and new.status <> old.status)
                       or (old.reason, old.user_id, old.idempotency_key, old.fingerprint, old.answer_status, old.answer,
                           old.created_at)
                          is distinct from
                          (new.reason, new.user_id, new.idempotency_key, new.fingerprint, new.answer_status, new.answer,
                           new.created_at))
    execute function refuse_change();
