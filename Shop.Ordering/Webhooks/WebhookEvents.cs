using Shop.ServiceDefaults.Messaging;

namespace Shop.Ordering.Webhooks;

/// <summary>What a webhook may hear of: the events of orders and payments.</summary>
internal static class WebhookEvents
{
    public static readonly string[] Streams = ["order-events", "payment-events"];

    /// <summary>Versioned, such as OrderPaid.v1.</summary>
    public static IReadOnlyList<string> Types { get; } = EventVocabulary.TypesOn(Streams);

    /// <summary>Without their versions: who asks by such a name hears of all versions.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Types.Select(NameOf).Distinct()];

    public static bool Knows(string name) => Types.Contains(name) || Names.Contains(name);

    public static string NameOf(string type) => type.Split('.')[0];
}
