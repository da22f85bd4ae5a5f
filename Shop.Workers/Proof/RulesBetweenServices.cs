namespace Shop.Workers.Proof;

/// <summary>Every rule that no service can judge alone. Those of one database stand beside its aggregate.</summary>
internal static class RulesBetweenServices
{
    public static void AddRulesBetweenServices(this IHostApplicationBuilder builder)
    {
        builder.AddOrderPaymentRules();
        builder.AddRefundAttemptRules();
        builder.AddPopularityFactsRules();
        builder.AddHoldRules();
        builder.AddProcessorRules();
    }
}
