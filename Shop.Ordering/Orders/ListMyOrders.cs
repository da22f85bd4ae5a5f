using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Orders;

/// <summary>The user's own orders by falling id; the cursor is the last id of the page before.</summary>
internal static class ListMyOrders
{
    private const int DefaultLimit = 20;
    private const int MaxLimit = 100;

    public sealed record Response(IReadOnlyList<OrderView> Items, string? NextCursor);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        ClaimsPrincipal user, OrderingDb db, CancellationToken ct, int limit = DefaultLimit, string? cursor = null)
    {
        if (limit is < 1 or > MaxLimit) return Problems.Invalid("limit", $"The limit is 1 to {MaxLimit}.");
        Guid? after = null;
        if (cursor is not null)
        {
            if (!Guid.TryParseExact(cursor, "N", out var id)) return Problems.Invalid("cursor", "This is no cursor.");
            after = id;
        }

        var userId = user.UserId();
        var page = await db.Orders
            .Where(order => order.UserId == userId && (after == null || order.Id < after))
            .OrderByDescending(order => order.Id)
            .Take(limit + 1)
            .Select(OrderView.FromRow).AsSplitQuery().ToListAsync(ct);
        var hasMore = page.Count > limit;
        if (hasMore) page.RemoveAt(limit);
        return TypedResults.Ok(new Response(page, hasMore ? page[^1].Id.ToString("N") : null));
    }
}
