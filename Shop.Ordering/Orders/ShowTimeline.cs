using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Orders;

/// <summary>Every change of an order in its sequence: when, why, by which event and in which trace.</summary>
internal static class ShowTimeline
{
    /// <param name="EventId">The event that caused it; none where a request or a sweep did.</param>
    public sealed record Change(
        long Version, string Status, string Cause, Guid? EventId, string? TraceId, DateTimeOffset At);

    public static async Task<Results<Ok<Page<Change>>, ProblemHttpResult>> Handle(
        Guid id, ClaimsPrincipal user, OrderingDb db, CancellationToken ct, int limit = Page.MaxLimit,
        string? cursor = null)
    {
        if (Page.Refusal(limit, cursor: null) is { } refusal) return refusal;

        var after = 0L;
        if (cursor is not null
            && !long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out after))
        {
            return Problems.Invalid("cursor", "This is no cursor of this list.");
        }

        if (!await ShowOrder.VisibleTo(user, id, db).AnyAsync(ct)) return Problems.NotFound();
        var changes = await db.Transitions.Where(change => change.OrderId == id && change.Version > after)
            .OrderBy(change => change.Version).Take(limit + 1)
            .Select(c => new Change(c.Version, c.Status, c.Cause, c.EventId, c.TraceId, c.At))
            .ToListAsync(ct);
        return TypedResults.Ok(Page.Of(changes, limit, c => c.Version.ToString(CultureInfo.InvariantCulture)));
    }
}
