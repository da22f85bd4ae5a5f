using System.Security.Claims;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Notifications;

/// <summary>What the user was told of their own orders, the newest first.</summary>
internal static class ListMyNotifications
{
    private const int DefaultLimit = 20;
    private const int MaxLimit = 100;

    /// <param name="NextCursor">Where the next page starts; null, and written as such, on the last one.</param>
    public sealed record Response(
        IReadOnlyList<Item> Items,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

    public sealed record Item(
        Guid Id, string Type, Guid OrderId, Guid? PaymentId, Guid? RefundId, Guid? ShipmentId, long? Amount,
        string? Currency, string? Failure, DateTimeOffset CreatedAt);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        ClaimsPrincipal user, OrderingDb db, CancellationToken ct, int limit = DefaultLimit, string? cursor = null)
    {
        if (limit is < 1 or > MaxLimit) return Problems.Invalid("limit", $"The limit is 1 to {MaxLimit}.");
        var userId = user.UserId();
        var mine = db.Notifications.Where(notification => notification.UserId == userId);
        if (cursor is not null)
        {
            if (TimeCursor.Parse(cursor) is not var (at, id)) return Problems.Invalid("cursor", "This is no cursor.");
            mine = mine.Where(notification => EF.Functions.LessThan(
                ValueTuple.Create(notification.CreatedAt, notification.Id), ValueTuple.Create(at, id)));
        }

        var page = await mine
            .OrderByDescending(notification => notification.CreatedAt)
            .ThenByDescending(notification => notification.Id)
            .Take(limit + 1)
            .Select(n => new Item(
                n.Id, n.Type, n.OrderId, n.PaymentId, n.RefundId, n.ShipmentId, n.AmountMinor, n.Currency, n.Failure,
                n.CreatedAt))
            .ToListAsync(ct);
        var hasMore = page.Count > limit;
        if (hasMore) page.RemoveAt(limit);
        return TypedResults.Ok(new Response(page, hasMore ? TimeCursor.Of(page[^1].CreatedAt, page[^1].Id) : null));
    }
}
