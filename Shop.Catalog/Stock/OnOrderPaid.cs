using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Catalog.Stock;

/// <summary>A paid order's units are sold.</summary>
internal static class OnOrderPaid
{
    public static async Task<Verdict> Handle(OrderPaid paid, HandlerContext<CatalogDb> context)
    {
        var verdicts = await ResolveHolds.InAsync(
            context.Transaction, [new(paid.OrderId, HoldCommand.Commit)], context.CancellationToken);
        return verdicts?[0] switch
        {
            HoldVerdict.Committed or HoldVerdict.Retaken => Verdict.Applied,
            HoldVerdict.AlreadyCommitted => Verdict.AlreadyApplied,

            // The shortage and its event, which makes Ordering refund, are in this transaction or were in an earlier.
            HoldVerdict.OutOfStock => Verdict.TooLate,

            // An order is stored after its reservation, so a paid order without one is not there yet, or a bug that
            // stays visible as a parked event.
            null or HoldVerdict.Unknown => Verdict.NotYet,
            var other => throw new InvalidOperationException($"Committing order {paid.OrderId} answered {other}."),
        };
    }
}
