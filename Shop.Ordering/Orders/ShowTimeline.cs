using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Orders;

/// <summary>Every change of an order in its sequence: when, why, by which event and in which trace.</summary>
internal static class ShowTimeline
{
    public sealed record Response(IReadOnlyList<Change> Items);

    public sealed record Change(
        long Version, string Status, string Cause, Guid? EventId, string? TraceId, DateTimeOffset At);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, ClaimsPrincipal user, OrderingDb db, CancellationToken ct)
    {
        if (!await ShowOrder.VisibleTo(user, id, db).AnyAsync(ct)) return Problems.NotFound();
        var changes = await db.Transitions.Where(change => change.OrderId == id)
            .OrderBy(change => change.Version)
            .Select(c => new Change(c.Version, c.Status, c.Cause, c.EventId, c.TraceId, c.At))
            .ToListAsync(ct);
        return TypedResults.Ok(new Response(changes));
    }
}
