using Shop.Ordering;
using Shop.Payments;
using Shop.ServiceDefaults.Proof;
using static Shop.ServiceDefaults.Proof.ProofExtensions;

namespace Shop.Workers.Proof;

/// <summary>What Ordering and Payments promise together.</summary>
internal static class OrderPaymentRules
{
    private const string PaidOrdersSql = """
        select id as key, concat_ws('|', payment_id, total_minor, currency) as facts
          from orders
         where status in ('PAID', 'COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED')
        """;

    private const string CompletedPaymentsSql = """
        select order_id as key, concat_ws('|', id, amount, currency) as facts
          from payments
         where purpose = 'ORDER' and status = 'COMPLETED'
        """;

    // One whose money is all on its way back may have an order that could not take it.
    private const string KeptPaymentsSql = """
        select order_id as key, id::text as facts
          from payments
         where purpose = 'ORDER' and status = 'COMPLETED'
           and card_refunded + points_refunded < card_captured + points_captured
           and updated_at < now() - make_interval(secs => @SettledSeconds)
        """;

    private const string KeepingOrdersSql = """
        select id as key, payment_id::text as facts
          from orders
         where status in ('PAID', 'COMPLETED', 'PARTIALLY_REFUNDED')
        """;

    public static void AddOrderPaymentRules(this IHostApplicationBuilder builder)
    {
        builder.AddComparison(
            "a-paid-order-has-one-completed-payment-of-its-total",
            "Every order that was ever paid has exactly one completed payment, the one it names, of its total.",
            Match.LeftHasRight, FactsOf<OrderingDb>(PaidOrdersSql), FactsOf<PaymentsDb>(CompletedPaymentsSql));
        builder.AddComparison(
            "money-that-is-kept-belongs-to-a-paid-order",
            "A payment whose money is not all on its way back has an order that is paid by it.",
            Match.LeftHasRight, FactsOf<PaymentsDb>(KeptPaymentsSql), FactsOf<OrderingDb>(KeepingOrdersSql));
    }
}
