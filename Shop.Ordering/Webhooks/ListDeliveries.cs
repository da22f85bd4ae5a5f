using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Webhooks;

/// <summary>What became of a webhook's events, the newest first; those that have ended for some days only.</summary>
internal static class ListDeliveries
{
    private const int DefaultLimit = 20;
    private const int MaxLimit = 100;

    /// <param name="NextCursor">Where the next page starts; null, and written as such, on the last one.</param>
    public sealed record Response(
        IReadOnlyList<Item> Items,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

    /// <param name="Id">The event's id, as it stands in the body that is sent.</param>
    /// <param name="Status">PENDING, DELIVERED or GIVEN_UP.</param>
    public sealed record Item(
        Guid Id, string Type, string Status, int Attempts, string? LastError, DateTimeOffset? NextAt,
        DateTimeOffset? DeliveredAt, DateTimeOffset? GivenUpAt, DateTimeOffset CreatedAt);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, OrderingDb db, CancellationToken ct, int limit = DefaultLimit, string? cursor = null)
    {
        if (limit is < 1 or > MaxLimit) return Problems.Invalid("limit", $"The limit is 1 to {MaxLimit}.");
        var deliveries = db.WebhookDeliveries.Where(delivery => delivery.WebhookId == id);
        if (cursor is not null)
        {
            if (TimeCursor.Parse(cursor) is not var (at, last)) return Problems.Invalid("cursor", "This is no cursor.");
            deliveries = deliveries.Where(delivery => EF.Functions.LessThan(
                ValueTuple.Create(delivery.CreatedAt, delivery.EventId), ValueTuple.Create(at, last)));
        }

        if (!await db.Webhooks.AnyAsync(webhook => webhook.Id == id, ct)) return Problems.NotFound();

        var page = await deliveries
            .OrderByDescending(delivery => delivery.CreatedAt).ThenByDescending(delivery => delivery.EventId)
            .Take(limit + 1)
            .ToListAsync(ct);
        var hasMore = page.Count > limit;
        if (hasMore) page.RemoveAt(limit);
        return TypedResults.Ok(new Response(
            [.. page.Select(ItemOf)], hasMore ? TimeCursor.Of(page[^1].CreatedAt, page[^1].EventId) : null));
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
