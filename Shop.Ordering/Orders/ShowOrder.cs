using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Orders;

/// <summary>One order, to its buyer and to admins. To anybody else it is not there.</summary>
internal static class ShowOrder
{
    public static async Task<Results<Ok<OrderView>, ProblemHttpResult>> Handle(
        Guid id, ClaimsPrincipal user, OrderingDb db, CancellationToken ct)
    {
        // In several queries, the order first: what is read after it can only be newer than its state, never older.
        var order = await VisibleTo(user, id, db)
            .Select(OrderView.FromRow).AsSplitQuery().SingleOrDefaultAsync(ct);
        return order is null ? Problems.NotFound() : TypedResults.Ok(order);
    }

    /// <summary>The order with this id if the user may see it.</summary>
    public static IQueryable<Order> VisibleTo(ClaimsPrincipal user, Guid id, OrderingDb db)
    {
        var (userId, isAdmin) = (user.UserId(), user.IsAdmin());
        return db.Orders.Where(order => order.Id == id && order.Status != OrderStatus.Abandoned
            && (isAdmin || order.UserId == userId));
    }
}

/// <summary>One order, to the other services.</summary>
internal static class ShowOrderInternally
{
    public sealed record Response(
        Guid Id, Guid UserId, OrderStatus Status, Guid? PaymentId, long Total, string Currency, bool CancelRequested,
        DateTimeOffset ExpiresAt, DateTimeOffset CreatedAt);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, OrderingDb db, CancellationToken ct)
    {
        var order = await db.Orders.Where(o => o.Id == id && o.Status != OrderStatus.Abandoned)
            .Select(o => new Response(
                o.Id, o.UserId!.Value, o.Status, o.PaymentId, o.TotalMinor!.Value, o.Currency!, o.CancelRequested,
                o.ExpiresAt!.Value, o.CreatedAt))
            .SingleOrDefaultAsync(ct);
        return order is null ? Problems.NotFound() : TypedResults.Ok(order);
    }
}
