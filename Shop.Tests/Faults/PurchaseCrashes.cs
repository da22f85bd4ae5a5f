namespace Shop.Tests.Faults;

/// <summary>A service that dies at one of its crash points while somebody buys and is refunded.</summary>
/// <param name="Point">As <c>SHOP_CRASH_POINT</c> takes it: the point, and maybe which hit of it.</param>
internal sealed record PurchaseCrash(string Service, string Point)
{
    /// <summary>Its name in <see cref="CrashPoints"/>: without the side of a commit, and without a hit.</summary>
    public string Catalogued { get; init; } = Point.Split('#')[0]
        .Replace(":before-commit", "", StringComparison.Ordinal).Replace(":after-commit", "", StringComparison.Ordinal);
}

/// <summary>
/// The crash points that a purchase or a refund passes. Those of the sweeps, which run all the time, are left out: a
/// process that is to die there dies when it starts.
/// </summary>
internal static class PurchaseCrashes
{
    /// <summary>One of each sort: a call, a commit and a message, in each service.</summary>
    public static readonly PurchaseCrash[] Few =
    [
        new("ordering", "StoreOrders.FlushAsync:after-commit"),
        new("payments", "PayOrderInOneCall.Handle:after-commit"),
        new("payments", "StoreRefund.AskAsync:after-call"),
        new("workers", "ChargePayment.RunAsync:after-call"),
        Delivery("OrderPaid.catalog-orders", "after"),
        new("sandbox", "CreateCharge.Handle:after-commit"),
    ];

    public static readonly PurchaseCrash[] All =
    [
        .. Points("catalog", [], "ReserveAllOrNone.FlushAsync"),
        .. Points(
            "ordering",
            ["ReserveStock:before-reserve", "ReserveStock:after-reserve", "PayInOneCall:before-start",
                "PayInOneCall:after-start"],
            "StoreOrders.FlushAsync", "StartPaymentAttempt.Handle", "StartRefundAttempt.Handle"),
        .. Points(
            "payments",
            ["PayOrder:before-start", "PayOrder:after-start", "StoreRefund.AskAsync:before-call",
                "StoreRefund.AskAsync:after-call"],
            "PayOrder.Handle", "PayOrderInOneCall.Handle", "StoreRefund.AskAndRunAsync"),
        .. Points(
            "workers",
            ["relay:before-xadd", "relay:after-xadd", "reader:before-xack", "reader:after-xack",
                "ChargePayment.RunAsync:before-call", "ChargePayment.RunAsync:after-call",
                "SendRefund.RunAsync:before-call", "SendRefund.RunAsync:after-call"],
            "SettlePayment.CapturedAsync", "SettleRefund.RefundedAsync"),
        .. from delivery in (string[])[
               "PaymentRequested.payments-payments", "PaymentCompleted.ordering-payments", "OrderPaid.catalog-orders",
               "RefundRequested.payments-payments", "RefundCompleted.ordering-payments",
               "RefundCompleted.catalog-refunds"]
           from side in (string[])["before", "after"]
           select Delivery(delivery, side),
        // The second transaction of a refund is the one that decides it.
        new("sandbox", "CreateRefund.Handle:before-commit#2"), new("sandbox", "CreateRefund.Handle:after-commit#2"),
        .. Points("sandbox", [], "CreateCharge.Handle"),
    ];

    private static PurchaseCrash Delivery(string delivery, string side) =>
        new("workers", $"{delivery}:{side}-commit") { Catalogued = CrashPoints.Delivery };

    private static IEnumerable<PurchaseCrash> Points(string service, string[] named, params string[] transactions) =>
        named.Concat(transactions.SelectMany(name => new[] { $"{name}:before-commit", $"{name}:after-commit" }))
            .Select(point => new PurchaseCrash(service, point));
}
