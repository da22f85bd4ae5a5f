using Shop.Catalog;
using Shop.Ordering;
using Shop.Payments;
using Shop.ServiceDefaults.Proof;
using static Shop.ServiceDefaults.Proof.ProofExtensions;

namespace Shop.Workers.Proof;

/// <summary>
/// What Catalog counts of an order is what Ordering sold and Payments gave back. Orders that were never counted are
/// left out: popularity may begin later than the shop.
/// </summary>
internal static class PopularityFactsRules
{
    private const string CountedSalesSql = """
        select f.order_id as key,
               string_agg(concat_ws(' ', f.product_id, f.quantity, f.amount), ', ' order by f.product_id) as facts
          from popularity_facts f
          join popularity_orders o on o.order_id = f.order_id
         where f.source_id = f.order_id and o.counted_at is not null
         group by f.order_id
        """;

    private const string PaidLinesSql = """
        select o.id as key,
               string_agg(concat_ws(' ', l.product_id, l.quantity, l.amount_minor), ', ' order by l.product_id) as facts
          from orders o
          join order_lines l on l.order_id = o.id
         where o.status in ('PAID', 'COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED')
         group by o.id
        """;

    private const string CountedRefundsSql = """
        select o.order_id as key,
               coalesce(string_agg(concat_ws(' ', f.product_id, f.quantity, f.amount), ', ' order by f.product_id),
                        'nothing') as facts
          from popularity_orders o
          left join (select order_id, product_id, -sum(quantity) as quantity, -sum(amount) as amount
                       from popularity_facts
                      where source_id <> order_id
                      group by order_id, product_id) as f on f.order_id = o.order_id
         where o.counted_at is not null
         group by o.order_id
        """;

    private const string RefundedLinesSql = """
        select p.order_id as key,
               case when coalesce(max(r.at) < now() - make_interval(secs => @SettledSeconds), true) then
                   coalesce(string_agg(concat_ws(' ', r.product_id, r.quantity, r.amount), ', '
                                       order by r.product_id), 'nothing') end as facts
          from payments p
          left join (select f.payment_id, l.product_id, sum(l.quantity) as quantity, sum(l.amount) as amount,
                            max(f.updated_at) as at
                       from refunds f
                       join refund_lines l on l.refund_id = f.id
                      where f.status = 'COMPLETED'
                      group by f.payment_id, l.product_id) as r on r.payment_id = p.id
         where p.purpose = 'ORDER' and p.status = 'COMPLETED'
         group by p.order_id
        """;

    public static void AddPopularityFactsRules(this IHostApplicationBuilder builder)
    {
        builder.AddComparison(
            "what-popularity-counts-is-what-was-paid-for",
            "Units and money that popularity counts of an order are those of its lines, and it was paid.",
            Match.LeftHasRight, FactsOf<CatalogDb>(CountedSalesSql), FactsOf<OrderingDb>(PaidLinesSql));
        builder.AddComparison(
            "what-popularity-takes-back-is-what-was-refunded",
            "Units and money that popularity takes back of an order are those of its completed refunds.",
            Match.LeftHasRight, FactsOf<CatalogDb>(CountedRefundsSql), FactsOf<PaymentsDb>(RefundedLinesSql));
    }
}
