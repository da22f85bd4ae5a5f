using Shop.ServiceDefaults.Proof;

namespace Shop.Ordering.Proof;

/// <summary>
/// What Ordering promises of its coupons. That an order's discount is its lines' is a rule of every order.
/// </summary>
internal static class CouponRules
{
    public static readonly SqlRule[] All =
    [
        new("no-more-coupons-are-issued-than-there-are",
            "The coupons issued are those that users have, one each, within the total.",
            """
            select c.id, concat('issued ', c.issued, ' of ', c.total_quantity, ', claims ', u.claims, ' of ', u.users,
                                ' users') as facts,
                   c.issued > c.total_quantity or c.issued <> coalesce(u.claims, 0)
                   or u.claims <> u.users as offends
              from coupons c
              left join (select coupon_id, count(*) as claims, count(distinct user_id) as users
                           from user_coupons
                          group by coupon_id) as u on u.coupon_id = c.id
            """),

        new("a-coupon-in-use-belongs-to-a-live-order",
            "A held coupon belongs to an order that may be paid, a used one to an order that was, each reduced by it.",
            """
            select u.id, concat(u.status, ', order ', u.order_id, ' is ', o.status) as facts,
                   o.id is null or o.coupon_id is distinct from u.coupon_id or o.user_id is distinct from u.user_id
                   or case u.status when 'HELD' then o.status not in ('CREATED', 'PAYMENT_PENDING')
                                    else o.status not in ('PAID', 'COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED')
                      end as offends
              from user_coupons u
              left join orders o on o.id = u.order_id
             where u.status in ('HELD', 'USED')
            """),

        new("a-reduced-order-has-its-coupon",
            "An order that was reduced by a coupon holds it, and has used it once it is paid.",
            """
            select o.id, concat(o.status, ' with a coupon that is ', u.status) as facts,
                   u.status is distinct from
                   case when o.status in ('CREATED', 'PAYMENT_PENDING') then 'HELD' else 'USED' end as offends
              from orders o
              left join user_coupons u on u.order_id = o.id and u.coupon_id = o.coupon_id
             where o.coupon_id is not null
               and o.status in ('CREATED', 'PAYMENT_PENDING', 'PAID', 'COMPLETED', 'PARTIALLY_REFUNDED')
            """),
    ];
}
