using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Ordering.Refunds;

/// <summary>The money did not go back: what was frozen for it may be sent again.</summary>
internal static class OnRefundFailed
{
    public static async Task<Verdict> Handle(RefundFailed failed, HandlerContext<OrderingDb> context)
    {
        var tx = context.Transaction;
        if (failed.OrderId is not { } orderId || await OrderRows.LockAsync(tx, orderId) is null)
        {
            return Verdict.AlreadyApplied;
        }

        return await EndRefundAttempt.FailAsync(tx, orderId, failed.RefundId, failed.Failure)
            ? Verdict.Applied
            : Verdict.AlreadyApplied; // Money alone: nothing was frozen.
    }
}
