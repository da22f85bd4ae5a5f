using Shop.Catalog;
using Shop.Ordering;
using Shop.ServiceDefaults.Proof;
using static Shop.ServiceDefaults.Proof.ProofExtensions;

namespace Shop.Workers.Proof;

/// <summary>What Ordering and Catalog promise together: a hold ends as its order does.</summary>
internal static class HoldRules
{
    private const string PaidOrdersSql = """
        select id as key, 'SOLD' as facts
          from orders
         where status in ('PAID', 'COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED')
           and updated_at < now() - make_interval(secs => @SettledSeconds)
        """;

    // Where nothing was left to take again the shortage is on record, and the order is refunded for it.
    private const string SoldHoldsSql = """
        select r.order_id as key, case when r.status = 'COMMITTED' or s.order_id is not null then 'SOLD'
                                       else r.status end as facts
          from reservations r
          left join stock_shortages s on s.order_id = r.order_id
        """;

    private const string UnpaidOrdersSql = """
        select id as key, 'GIVEN BACK' as facts
          from orders
         where status in ('CANCELLED', 'EXPIRED')
           and updated_at < now() - make_interval(secs => @SettledSeconds)
        """;

    private const string GivenBackHoldsSql = """
        select order_id as key, case when status in ('RELEASED', 'EXPIRED') then 'GIVEN BACK'
                                     else status end as facts
          from reservations
        """;

    private const string AbandonedOrdersSql = """
        select id as key, 'GIVEN BACK' as facts
          from orders
         where status = 'ABANDONED' and updated_at < now() - make_interval(secs => @SettledSeconds)
        """;

    // Ordering is asked about a hold once its time is over; the sweep then has as long as for anything else.
    private const string OverdueHoldsSql = """
        select order_id as key, case when expires_at < now() - make_interval(secs => @StuckSeconds)
                                     then 'OPEN' end as facts
          from reservations
         where status = 'HELD'
        """;

    private const string OpenOrdersSql = """
        select id as key, 'OPEN' as facts
          from orders
         where status in ('CREATED', 'PAYMENT_PENDING')
        """;

    public static void AddHoldRules(this IHostApplicationBuilder builder)
    {
        builder.AddComparison(
            "the-hold-of-a-paid-order-is-committed",
            "The units of every order that was paid are sold, or their shortage is on record.",
            Match.LeftHasRight, FactsOf<OrderingDb>(PaidOrdersSql), FactsOf<CatalogDb>(SoldHoldsSql));
        builder.AddComparison(
            "the-hold-of-an-unpaid-order-that-ended-is-given-back",
            "A cancelled or expired order holds nothing, and never will.",
            Match.LeftHasRight, FactsOf<OrderingDb>(UnpaidOrdersSql), FactsOf<CatalogDb>(GivenBackHoldsSql));
        builder.AddComparison(
            "an-abandoned-order-holds-nothing",
            "A hold whose order was never stored is given back.",
            Match.WhereBoth, FactsOf<OrderingDb>(AbandonedOrdersSql), FactsOf<CatalogDb>(GivenBackHoldsSql));
        builder.AddComparison(
            "no-hold-outlives-its-order",
            "A hold whose time is long over still has an order that is open.",
            Match.LeftHasRight, FactsOf<CatalogDb>(OverdueHoldsSql), FactsOf<OrderingDb>(OpenOrdersSql));
    }
}
