using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Ordering.Orders;

/// <summary>
/// The order may be paid again while its time lasts, or is cancelled if it was one call or was to be cancelled. The
/// attempt is remembered, so that a late start of this payment is refused.
/// </summary>
internal static class OnPaymentFailed
{
    public static async Task<Verdict> Handle(PaymentFailed failed, HandlerContext<OrderingDb> context)
    {
        // A top-up of points belongs to no order.
        if (failed.OrderId is not { } orderId) return Verdict.AlreadyApplied;
        var outcome = await SettlePayment.FailAsync(
            context.Transaction, orderId, failed.PaymentId, failed.Failure, "payment failed", context.Envelope.EventId);
        return outcome == SettlePayment.Outcome.Changed ? Verdict.Applied : Verdict.AlreadyApplied;
    }
}
