-- An event is about one order, and an order has one user: the event's id is the notification's id too. With its user and
-- its time before it, which are the event's as well, it is the key by which they are written once and the index by
-- which they are listed.
update notifications set id = event_id;

alter table notifications
    drop constraint notifications_pkey,
    drop constraint notifications_event_id_user_id_key,
    drop column event_id,
    add primary key (user_id, created_at, id);

drop index notifications_of_user;
