using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Payments.Payments;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Refunds;

/// <summary>A refund, to who may see its payment. For anybody else it is not there.</summary>
internal static class GetRefund
{
    /// <summary>Amounts in minor units of the payment's currency.</summary>
    public sealed record Response(
        Guid Id, Guid PaymentId, RefundStatus Status, long Amount, long Card, long Points, string Reason);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, ClaimsPrincipal user, PaymentsDb db, CancellationToken ct)
    {
        var refund = await db.Refunds
            .Where(r => r.Id == id && r.Status != RefundStatus.Abandoned)
            .Where(r => GetPayment.SeenBy(db, user).Any(p => p.Id == r.PaymentId))
            .Select(r => new Response(r.Id, r.PaymentId, r.Status, r.Card + r.Points, r.Card, r.Points, r.Reason))
            .SingleOrDefaultAsync(ct);
        return refund is null ? Problems.NotFound() : TypedResults.Ok(refund);
    }
}
