namespace Shop.Ordering.Webhooks;

/// <summary>A system outside that wants to hear of events. Its secret is not among what is read of it.</summary>
/// <param name="Events">Types, with or without their version; null: all.</param>
internal sealed record Webhook(Guid Id, string Url, string[]? Events, DateTimeOffset CreatedAt);

/// <summary>An event for a webhook: PENDING until it is taken there or given up, then never sent again.</summary>
internal sealed record WebhookDelivery(
    Guid WebhookId, Guid EventId, string Type, int Attempts, DateTimeOffset NextAt, DateTimeOffset? DeliveredAt,
    DateTimeOffset? GivenUpAt, string? LastError, DateTimeOffset CreatedAt);
