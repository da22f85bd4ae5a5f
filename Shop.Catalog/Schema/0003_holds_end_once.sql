-- The state machine of a hold once more, in the database: it ends once, and what had ended can only still be sold.
create trigger reservations_end_once before update on reservations
    for each row
    when (old.status is distinct from new.status
          and old.status <> 'HELD'
          and not (old.status in ('RELEASED', 'EXPIRED') and new.status = 'COMMITTED'))
    execute function refuse_change();
