using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Webhooks;

/// <summary>All webhooks, the newest first, without their secrets.</summary>
internal static class ListWebhooks
{
    public sealed record Item(Guid Id, string Url, IReadOnlyList<string>? Events, DateTimeOffset CreatedAt);

    public static async Task<Results<Ok<Page<Item>>, ProblemHttpResult>> Handle(
        OrderingDb db, CancellationToken ct, int limit = Page.DefaultLimit, string? cursor = null)
    {
        if (Page.Refusal(limit, cursor) is { } refusal) return refusal;

        var page = await db.Webhooks
            .NewestFirst(cursor, webhook => webhook.CreatedAt, webhook => webhook.Id)
            .Take(limit + 1)
            .Select(w => new Item(w.Id, w.Url, w.Events, w.CreatedAt))
            .ToListAsync(ct);
        return TypedResults.Ok(Page.Of(page, limit, webhook => TimeCursor.Of(webhook.CreatedAt, webhook.Id)));
    }
}
