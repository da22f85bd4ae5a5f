using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Webhooks;

/// <summary>What became of a webhook's events, the newest first; those that have ended for some days only.</summary>
internal static class ListDeliveries
{
    /// <param name="Id">The event's id, as it stands in the body that is sent.</param>
    /// <param name="Status">PENDING, DELIVERED or GIVEN_UP.</param>
    public sealed record Item(
        Guid Id, string Type, string Status, int Attempts, string? LastError, DateTimeOffset? NextAt,
        DateTimeOffset? DeliveredAt, DateTimeOffset? GivenUpAt, DateTimeOffset CreatedAt);

    public static async Task<Results<Ok<Page<Item>>, ProblemHttpResult>> Handle(
        Guid id, OrderingDb db, CancellationToken ct, int limit = Page.DefaultLimit, string? cursor = null)
    {
        if (Page.Refusal(limit, cursor) is { } refusal) return refusal;

        if (!await db.Webhooks.AnyAsync(webhook => webhook.Id == id, ct)) return Problems.NotFound();

        var page = await db.WebhookDeliveries
            .Where(delivery => delivery.WebhookId == id)
            .NewestFirst(cursor, delivery => delivery.CreatedAt, delivery => delivery.EventId)
            .Take(limit + 1)
            .ToListAsync(ct);
        return TypedResults.Ok(
            Page.Of(page, limit, delivery => TimeCursor.Of(delivery.CreatedAt, delivery.EventId)).Map(ItemOf));
    }

    private static Item ItemOf(WebhookDelivery delivery)
    {
        var status = delivery.DeliveredAt is not null ? "DELIVERED"
            : delivery.GivenUpAt is not null ? "GIVEN_UP"
            : "PENDING";
        return new(
            delivery.EventId, delivery.Type, status, delivery.Attempts, delivery.LastError,
            status == "PENDING" ? delivery.NextAt : null, delivery.DeliveredAt, delivery.GivenUpAt, delivery.CreatedAt);
    }
}
