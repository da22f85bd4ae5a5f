using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Webhooks;

/// <summary>All webhooks, the newest first, without their secrets.</summary>
internal static class ListWebhooks
{
    private const int DefaultLimit = 20;
    private const int MaxLimit = 100;

    /// <param name="NextCursor">Where the next page starts; null, and written as such, on the last one.</param>
    public sealed record Response(
        IReadOnlyList<Item> Items,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

    public sealed record Item(Guid Id, string Url, IReadOnlyList<string>? Events, DateTimeOffset CreatedAt);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        OrderingDb db, CancellationToken ct, int limit = DefaultLimit, string? cursor = null)
    {
        if (limit is < 1 or > MaxLimit) return Problems.Invalid("limit", $"The limit is 1 to {MaxLimit}.");
        IQueryable<Webhook> webhooks = db.Webhooks;
        if (cursor is not null)
        {
            if (TimeCursor.Parse(cursor) is not var (at, id)) return Problems.Invalid("cursor", "This is no cursor.");
            webhooks = webhooks.Where(webhook => EF.Functions.LessThan(
                ValueTuple.Create(webhook.CreatedAt, webhook.Id), ValueTuple.Create(at, id)));
        }

        var page = await webhooks
            .OrderByDescending(webhook => webhook.CreatedAt).ThenByDescending(webhook => webhook.Id)
            .Take(limit + 1)
            .Select(w => new Item(w.Id, w.Url, w.Events, w.CreatedAt))
            .ToListAsync(ct);
        var hasMore = page.Count > limit;
        if (hasMore) page.RemoveAt(limit);
        return TypedResults.Ok(new Response(page, hasMore ? TimeCursor.Of(page[^1].CreatedAt, page[^1].Id) : null));
    }
}
