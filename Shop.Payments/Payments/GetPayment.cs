using System.Linq.Expressions;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Payments.Refunds;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Payments;

/// <summary>A payment as its owner or an admin sees it. For anybody else it is not there.</summary>
internal static class GetPayment
{
    /// <summary>Amounts in minor units; Refunded counts what has arrived back, not what was asked for.</summary>
    public sealed record Response(
        Guid Id, Guid? OrderId, PaymentStatus Status, string Method, long Amount, long Card, long Points,
        long Refunded, string Currency, string? Failure, DateTimeOffset CreatedAt);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, ClaimsPrincipal user, PaymentsDb db, CancellationToken ct)
    {
        var payment = await SeenBy(db, user).Where(p => p.Id == id).Select(Shape(db)).SingleOrDefaultAsync(ct);
        return payment is null ? Problems.NotFound() : TypedResults.Ok(payment);
    }

    public static IQueryable<Payment> SeenBy(PaymentsDb db, ClaimsPrincipal user)
    {
        var (userId, all) = (user.UserId(), user.IsAdmin());
        return db.Payments.Where(p => (p.UserId == userId || all) && p.Status != PaymentStatus.Abandoned);
    }

    public static Expression<Func<Payment, Response>> Shape(PaymentsDb db) => p => new Response(
        p.Id, p.OrderId, p.Status, p.Method!, p.Amount, p.CardAmount, p.PointsAmount,
        db.Refunds.Where(r => r.PaymentId == p.Id && r.Status == RefundStatus.Completed).Sum(r => r.Card + r.Points),
        p.Currency!, p.Failure, p.CreatedAt);
}
