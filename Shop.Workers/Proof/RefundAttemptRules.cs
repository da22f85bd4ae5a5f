using Shop.Ordering;
using Shop.Payments;
using Shop.ServiceDefaults.Proof;
using static Shop.ServiceDefaults.Proof.ProofExtensions;

namespace Shop.Workers.Proof;

/// <summary>What Ordering and Payments promise together of refunds that concern an order's goods.</summary>
internal static class RefundAttemptRules
{
    // Until it has heard of the end, Ordering has nothing to say.
    private const string AttemptsSql = """
        select refund_id as key, case when status <> 'REQUESTED' then concat_ws('|', payment_id, status) end as facts
          from refund_attempts
        """;

    private const string RefundsSql = """
        select id as key,
               concat_ws('|', payment_id, case status when 'ABANDONED' then 'FAILED' else status end) as facts
          from refunds
        """;

    public static void AddRefundAttemptRules(this IHostApplicationBuilder builder) =>
        builder.AddComparison(
            "a-refund-attempt-ends-as-its-refund",
            "An attempt that ended has a refund at Payments that ended alike: money back, or never.",
            Match.LeftHasRight, FactsOf<OrderingDb>(AttemptsSql), FactsOf<PaymentsDb>(RefundsSql));
}
