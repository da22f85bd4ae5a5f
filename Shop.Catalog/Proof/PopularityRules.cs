using Shop.Catalog.Popularity;
using Shop.ServiceDefaults.Proof;

namespace Shop.Catalog.Proof;

/// <summary>What Catalog promises of what is bought: the sums are those of the facts.</summary>
internal static class PopularityRules
{
    public static readonly SqlRule[] All =
    [
        new("popularity-of-a-day-is-the-sum-of-its-facts",
            "Units and money of a product on a day are those of its sales on it less their refunds.",
            $"""
             with truth as ({RebuildPopularity.DaysOfFactsSql})
             select product_id as id,
                    concat(day, ': ', d.quantity, ' for ', d.amount, ', facts ', t.quantity, ' for ',
                           t.amount) as facts,
                    (coalesce(t.quantity, 0), coalesce(t.amount, 0))
                    is distinct from (coalesce(d.quantity, 0), coalesce(d.amount, 0)) as offends
               from truth t
               full join popularity_days d using (day, product_id)
             """),

        new("products-bought-together-are-the-orders-with-both",
            "A pair of products is counted once for each order that kept both.",
            $"""
             with truth as ({RebuildPopularity.PairsOfFactsSql})
             select product_id as id, concat('with ', other_id, ': ', p.orders, ', orders ', t.orders) as facts,
                    coalesce(t.orders, 0) is distinct from coalesce(p.orders, 0) as offends
               from truth t
               full join popularity_pairs p using (product_id, other_id)
             """),

        new("popularity-takes-back-no-more-than-was-sold",
            "The refunds of a counted order have no more units and money of a product than its sale.",
            """
            select f.order_id as id, concat(f.product_id, ': ', sum(f.quantity), ' for ', sum(f.amount)) as facts,
                   sum(f.quantity) < 0 or sum(f.amount) < 0 as offends
              from popularity_facts f
              join popularity_orders o on o.order_id = f.order_id
             where o.counted_at is not null
             group by f.order_id, f.product_id
            """),
    ];
}
