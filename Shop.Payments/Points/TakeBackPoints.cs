using Shop.ServiceDefaults.Data;

namespace Shop.Payments.Points;

/// <summary>
/// The points that a refund of a TOP_UP takes back for the money: held in the transaction of the refund's request,
/// gone when it completes, the customer's again when it fails. The top-up's own lot gives first, then those that
/// expire first: points are all alike.
/// </summary>
internal static class TakeBackPoints
{
    /// <summary>False where they are spent: the caller refuses the refund and keeps nothing.</summary>
    public static Task<bool> HoldAsync(
        Transaction<PaymentsDb> tx, Guid refundId, Guid paymentId, Guid userId, long points) =>
        HoldPoints.RunAsync(tx, refundId, userId, points, first: paymentId);

    /// <summary>
    /// With the refund's completion. Nothing where it holds no points: a late capture gave none, so nothing is taken.
    /// </summary>
    public static async Task CaptureAsync(Transaction<PaymentsDb> tx, Guid refundId)
    {
        if (await SettleHold.CaptureAsync(tx, refundId, PointsEntry.TakenBack) is not { } taken) return;

        await Ledger.PostAsync(
            tx, refundId, "REFUND", PointsAccount.Currency,
            new Posting(Accounts.HeldPoints(taken.UserId), taken.Amount),
            new Posting(Accounts.CardClearing, -taken.Amount));
    }

    /// <summary>With the refund's failure.</summary>
    public static async Task ReleaseAsync(Transaction<PaymentsDb> tx, Guid refundId) =>
        await SettleHold.ReleaseAsync(tx, refundId);
}
