using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Payments;

/// <summary>
/// <c>GET /payments?orderId=</c>: the attempts to pay an order, oldest first. A stranger's order has none, like one
/// that nobody has tried to pay.
/// </summary>
internal static class ListPayments
{
    public static async Task<Results<Ok<Page<GetPayment.Response>>, ProblemHttpResult>> Handle(
        Guid? orderId, int? limit, string? cursor, ClaimsPrincipal user, PaymentsDb db, CancellationToken ct)
    {
        if (orderId is null) return Problems.Invalid("orderId", "orderId is required.");
        var take = limit ?? Page.MaxLimit;
        if (Page.Refusal(take, cursor) is { } refusal) return refusal;

        var attempts = GetPayment.SeenBy(db, user).Where(p => p.OrderId == orderId);
        if (cursor is not null && TimeCursor.Parse(cursor) is var (at, id))
        {
            attempts = attempts.Where(p => p.CreatedAt > at || (p.CreatedAt == at && p.Id > id));
        }

        var found = await attempts.OrderBy(p => p.CreatedAt).ThenBy(p => p.Id).Take(take + 1)
            .Select(GetPayment.Shape(db)).ToListAsync(ct);
        return TypedResults.Ok(Page.Of(found, take, payment => TimeCursor.Of(payment.CreatedAt, payment.Id)));
    }
}
