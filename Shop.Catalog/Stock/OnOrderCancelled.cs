using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Catalog.Stock;

/// <summary>A cancelled order's units go back.</summary>
internal static class OnOrderCancelled
{
    public static Task<Verdict> Handle(OrderCancelled cancelled, HandlerContext<CatalogDb> context) =>
        GiveBackAsync(cancelled.OrderId, HoldCommand.Release, context);

    /// <summary>Cancelled and expired orders differ in nothing but the status of their hold.</summary>
    public static async Task<Verdict> GiveBackAsync(
        Guid orderId, HoldCommand command, HandlerContext<CatalogDb> context)
    {
        var verdicts = await ResolveHolds.InAsync(
            context.Transaction, [new(orderId, command)], context.CancellationToken);
        return verdicts?[0] switch
        {
            HoldVerdict.Released or HoldVerdict.Expired => Verdict.Applied,
            HoldVerdict.Unknown => Verdict.Applied, // The tombstone is the effect.
            HoldVerdict.AlreadyReleased or HoldVerdict.AlreadyExpired => Verdict.AlreadyApplied,
            null => Verdict.NotYet,

            // Ordering never ends an order both paid and unpaid. Parked, so that somebody sees it.
            var other => throw new InvalidOperationException($"Giving back order {orderId} answered {other}."),
        };
    }
}
