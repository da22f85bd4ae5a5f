using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Orders;

/// <summary>
/// What was agreed in orders that were paid, to the other services, many at once. Orders that are unknown or were never
/// paid are left out: unlike hold-verdicts, asking changes nothing.
/// </summary>
internal static class ListPaidLines
{
    private const int MaxOrders = 200;

    public sealed record Request(IReadOnlyList<Guid>? OrderIds);

    public sealed record Response(IReadOnlyList<PaidOrder> Orders);

    public sealed record PaidOrder(Guid OrderId, Guid UserId, IReadOnlyList<PaidLine> Lines);

    /// <param name="Amount">Minor units paid for the line, discount taken off.</param>
    public sealed record PaidLine(Guid ProductId, int Quantity, long Amount);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, OrderingDb db, CancellationToken ct)
    {
        if (request.OrderIds is not { Count: <= MaxOrders } asked)
        {
            return Problems.Invalid("orderIds", $"Up to {MaxOrders} order ids.");
        }

        OrderStatus[] paid =
            [OrderStatus.Paid, OrderStatus.Completed, OrderStatus.PartiallyRefunded, OrderStatus.Refunded];
        var orders = await db.Orders
            .Where(order => asked.Contains(order.Id) && paid.Contains(order.Status))
            .OrderBy(order => order.Id)
            .Select(order => new PaidOrder(
                order.Id, order.UserId!.Value,
                order.Lines.OrderBy(line => line.LineNo)
                    .Select(line => new PaidLine(line.ProductId, line.Quantity, line.AmountMinor)).ToList()))
            .ToListAsync(ct);
        return TypedResults.Ok(new Response(orders));
    }
}
