using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Orders;

/// <summary>The user's own orders, the newest first.</summary>
internal static class ListMyOrders
{
    public static async Task<Results<Ok<Page<OrderView>>, ProblemHttpResult>> Handle(
        ClaimsPrincipal user, OrderingDb db, CancellationToken ct, int limit = Page.DefaultLimit, string? cursor = null)
    {
        if (Page.Refusal(limit, cursor) is { } refusal) return refusal;

        var userId = user.UserId();
        var page = await db.Orders
            .Where(order => order.UserId == userId)
            .NewestFirst(cursor, order => order.CreatedAt, order => order.Id)
            .Take(limit + 1)
            .Select(OrderView.FromRow).AsSplitQuery().ToListAsync(ct);
        return TypedResults.Ok(Page.Of(page, limit, order => TimeCursor.Of(order.CreatedAt, order.Id)));
    }
}
