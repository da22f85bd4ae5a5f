using Shop.ServiceDefaults.Proof;

namespace Shop.Ordering.Proof;

/// <summary>What is promised of work that follows an order and never holds it up.</summary>
internal static class SideWorkRules
{
    public static readonly SqlRule[] All =
    [
        new("buyers-are-told-of-their-own-orders-only",
            "Every notification is about an order of the user who reads it.",
            """
            select n.id, concat('told ', n.user_id, ', order ', n.order_id, ' of ', o.user_id) as facts,
                   n.user_id is distinct from o.user_id as offends
              from notifications n
              left join orders o on o.id = n.order_id
            """),

        // A receiver that takes nothing moves its next attempt; only when nobody tries does that stay in the past.
        new("no-webhook-delivery-is-stuck",
            "A delivery that has not ended is tried again within Proof:StuckSeconds of its time.",
            """
            select d.event_id as id, concat('to webhook ', d.webhook_id, ', due at ', d.next_at) as facts,
                   d.delivered_at is null and d.given_up_at is null
                   and greatest(d.next_at, w.resume_at) < now() - make_interval(secs => @StuckSeconds) as offends
              from webhook_deliveries d
              join webhooks w on w.id = d.webhook_id
            """),
    ];
}
