using Shop.ServiceDefaults.Proof;

namespace Shop.Catalog.Proof;

/// <summary>What Catalog promises of its stock: its own books agree with one another.</summary>
internal static class StockRules
{
    public static readonly SqlRule[] All =
    [
        new("on-hand-is-the-sum-of-all-movements",
            "A product's units on hand are received - sold + restocked + corrected.",
            """
            select product_id as id, concat('on hand ', on_hand, ', movements ', moved) as facts,
                   on_hand is distinct from moved as offends
              from (select product_id, coalesce(on_hand, 0) as on_hand, coalesce(moved, 0) as moved
                      from stock
                      full join (select product_id, sum(quantity)::bigint as moved
                                   from stock_movements
                                  group by product_id) as movements using (product_id)) as books
            """),

        new("reserved-is-the-sum-of-live-holds",
            "A product's reserved units are those of the holds that have not ended.",
            """
            select product_id as id, concat('reserved ', reserved, ', held ', held) as facts,
                   reserved is distinct from held as offends
              from (select product_id, coalesce(reserved, 0) as reserved, coalesce(held, 0) as held
                      from stock
                      full join (select l.product_id, sum(l.quantity - l.given_back)::bigint as held
                                   from reservations r
                                   join reservation_lines l using (order_id)
                                  where r.status = 'HELD'
                                  group by l.product_id) as holds using (product_id)) as books
            """),

        new("stock-is-never-below-zero",
            "No product has fewer than 0 units on hand or reserved, and none more reserved than on hand.",
            """
            select product_id as id, concat('on hand ', on_hand, ', reserved ', reserved) as facts,
                   on_hand < 0 or reserved < 0 or reserved > on_hand as offends
              from stock
            """),

        new("what-was-sold-is-what-the-order-took",
            "An order's sold less restocked units are those of its lines that were not given back, if its hold was "
            + "committed, else none.",
            """
            select order_id as id, concat(product_id, ': took ', took, ', sold ', sold) as facts,
                   took is distinct from sold as offends
              from (select order_id, product_id, coalesce(took, 0) as took, coalesce(sold, 0) as sold
                      from (select l.order_id, l.product_id,
                                   case r.status when 'COMMITTED' then l.quantity - l.given_back else 0 end as took
                              from reservation_lines l
                              join reservations r using (order_id)) as lines
                      full join (select order_id, product_id, -sum(quantity)::bigint as sold
                                   from stock_movements
                                  where kind in ('SOLD', 'RESTOCKED')
                                  group by order_id, product_id) as movements using (order_id, product_id)) as books
            """),

        new("what-was-given-back-was-given-back-by-refunds",
            "The units that left an order's line are those that its refunds have put back.",
            """
            select order_id as id, concat(product_id, ': given back ', given_back, ', by refunds ', refunded) as facts,
                   given_back is distinct from refunded as offends
              from (select order_id, product_id, coalesce(given_back, 0) as given_back,
                           coalesce(refunded, 0) as refunded
                      from reservation_lines
                      full join (select order_id, product_id, sum(quantity)::bigint as refunded
                                   from restocks
                                  group by order_id, product_id) as back using (order_id, product_id)) as books
            """),

        new("a-tombstone-holds-nothing",
            "What was given up before its reservation arrived has no lines and no user.",
            """
            select order_id as id, 'a tombstone with lines' as facts,
                   user_id is null
                   and exists (select from reservation_lines l where l.order_id = r.order_id) as offends
              from reservations r
            """),
    ];
}
