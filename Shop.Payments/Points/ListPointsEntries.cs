using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Points;

/// <summary>
/// <c>GET /points/entries</c>: the caller's statement, newest first. The amounts of all entries add up to what is
/// available and held.
/// </summary>
internal static class ListPointsEntries
{
    /// <param name="Number">1, 2, 3 and so on, without gaps.</param>
    /// <param name="Kind">CHARGED, USED, RETURNED, EXPIRED or TAKEN_BACK.</param>
    /// <param name="Amount">What came (positive) or went (negative).</param>
    /// <param name="Balance">Available and held together, after it.</param>
    public sealed record Entry(
        long Number, string Kind, long Amount, long Balance, Guid? PaymentId, Guid? RefundId,
        DateTimeOffset CreatedAt);

    public static async Task<Results<Ok<Page<Entry>>, ProblemHttpResult>> Handle(
        int? limit, string? cursor, ClaimsPrincipal user, PaymentsDb db, CancellationToken ct)
    {
        var take = limit ?? Page.MaxLimit;
        if (Page.Refusal(take, cursor: null) is { } refusal) return refusal;

        var userId = user.UserId();
        var entries = db.PointsEntries.Where(entry => entry.UserId == userId);
        if (cursor is not null)
        {
            if (!long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var after))
            {
                return Problems.Invalid("cursor", "This is no cursor of this list.");
            }

            entries = entries.Where(entry => entry.Number < after);
        }

        var found = await entries.OrderByDescending(entry => entry.Number).Take(take + 1).Select(entry => new Entry(
            entry.Number, entry.Kind, entry.Amount, entry.Balance,
            entry.Kind == PointsEntry.Charged || entry.Kind == PointsEntry.Used ? entry.SourceId : null,
            entry.Kind == PointsEntry.Returned || entry.Kind == PointsEntry.TakenBack ? entry.SourceId : null,
            entry.At)).ToListAsync(ct);
        return TypedResults.Ok(
            Page.Of(found, take, entry => entry.Number.ToString(CultureInfo.InvariantCulture)));
    }
}
