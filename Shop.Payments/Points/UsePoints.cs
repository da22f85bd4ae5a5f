using Shop.Payments.Payments;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Payments.Points;

/// <summary>The points leg of a payment that completes is spent, in the same transaction.</summary>
internal static class UsePoints
{
    public static async Task RunAsync(Transaction<PaymentsDb> tx, Payment payment)
    {
        var used = await SettleHold.CaptureAsync(tx, payment.Id, PointsEntry.Used);
        if (used?.Amount != payment.PointsAmount)
        {
            throw new InvalidOperationException($"The points of payment {payment.Id} are not held.");
        }

        tx.Publish(
            new PointUsed(used.UserId, payment.Id, payment.OrderId!.Value, used.Amount, tx.Now), version: used.Entry);
    }
}
