using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Notifications;

/// <summary>What the user was told of their own orders, the newest first.</summary>
internal static class ListMyNotifications
{
    public sealed record Item(
        Guid Id, string Type, Guid OrderId, Guid? PaymentId, Guid? RefundId, Guid? ShipmentId, long? Amount,
        string? Currency, string? Failure, DateTimeOffset CreatedAt);

    public static async Task<Results<Ok<Page<Item>>, ProblemHttpResult>> Handle(
        ClaimsPrincipal user, OrderingDb db, CancellationToken ct, int limit = Page.DefaultLimit, string? cursor = null)
    {
        if (Page.Refusal(limit, cursor) is { } refusal) return refusal;

        var userId = user.UserId();
        var page = await db.Notifications
            .Where(notification => notification.UserId == userId)
            .NewestFirst(cursor, notification => notification.CreatedAt, notification => notification.Id)
            .Take(limit + 1)
            .Select(n => new Item(
                n.Id, n.Type, n.OrderId, n.PaymentId, n.RefundId, n.ShipmentId, n.AmountMinor, n.Currency, n.Failure,
                n.CreatedAt))
            .ToListAsync(ct);
        return TypedResults.Ok(Page.Of(page, limit, told => TimeCursor.Of(told.CreatedAt, told.Id)));
    }
}
