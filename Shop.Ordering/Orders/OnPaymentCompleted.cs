using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Ordering.Orders;

/// <summary>The order is paid, or its money goes back: each payment is one of the two, once.</summary>
internal static class OnPaymentCompleted
{
    public static async Task<Verdict> Handle(PaymentCompleted completed, HandlerContext<OrderingDb> context)
    {
        // A top-up of points belongs to no order.
        if (completed.OrderId is not { } orderId) return Verdict.AlreadyApplied;
        var outcome = await SettlePayment.CompleteAsync(
            context.Transaction, orderId, completed.PaymentId, "payment completed", context.Envelope.EventId);
        return outcome switch
        {
            SettlePayment.Outcome.Changed => Verdict.Applied,
            SettlePayment.Outcome.SentBack => Verdict.TooLate,
            _ => Verdict.AlreadyApplied,
        };
    }
}
