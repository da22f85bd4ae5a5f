using Shop.Payments;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Proof;
using static Shop.ServiceDefaults.Proof.ProofExtensions;

namespace Shop.Workers.Proof;

/// <summary>What our books say of the card processor's, asked there and not in any database of it.</summary>
internal static class ProcessorRules
{
    // While a payment is under way the processor may be further than we know: nothing is decided yet.
    private const string CardLegsSql = """
        select id as key, case when status in ('REQUESTED', 'PROCESSING') then null
                               else concat_ws('|', card_captured, currency) end as facts
          from payments
         where card_captured > 0 or status in ('REQUESTED', 'PROCESSING')
        """;

    private const string CardRefundsSql = """
        select id as key, case when status in ('REQUESTED', 'PROCESSING') then null
                               else concat_ws('|', payment_id, card) end as facts
          from refunds
         where card > 0 and status <> 'FAILED'
        """;

    public static void AddProcessorRules(this IHostApplicationBuilder builder)
    {
        builder.AddServiceClient<ProcessorBooks>("sandbox", http => http.SendServiceToken = false);
        builder.AddComparison(
            "the-processors-captures-are-our-card-legs",
            "The processor has taken what our payments say was taken by card, under their ids, and nothing else.",
            Match.Same, Captures, FactsOf<PaymentsDb>(CardLegsSql));
        builder.AddComparison(
            "the-processors-refunds-are-our-card-refunds",
            "The processor has given back what our completed refunds say, under their ids, and nothing else.",
            Match.Same, Refunds, FactsOf<PaymentsDb>(CardRefundsSql));
    }

    private static ProcessorBooks.Captures Captures(IServiceProvider services) =>
        new(services.GetRequiredService<ProcessorBooks>());

    private static ProcessorBooks.Refunds Refunds(IServiceProvider services) =>
        new(services.GetRequiredService<ProcessorBooks>());
}
