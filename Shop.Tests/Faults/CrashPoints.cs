namespace Shop.Tests.Faults;

/// <summary>
/// Every place where a test can make a process die, by number: a number is never given to another point. The name of a
/// transaction (<c>File.Member</c>) stands for both sides of its commit.
/// </summary>
internal static class CrashPoints
{
    /// <summary>The transaction of every delivery, which is called <c>Event.group</c> when it is to die.</summary>
    public const string Delivery = "DeliveryHandler.TransactAsync";

    public static IReadOnlyDictionary<int, string> All { get; } = new Dictionary<int, string>
    {
        // The messaging kernel, in Workers.
        [1] = "relay:before-xadd",
        [2] = "relay:after-xadd",
        [3] = "reader:before-xack",
        [4] = Delivery,
        [5] = "DeliveryRunner.ParkAsync",
        [6] = "ParkedReplay.RunAsync",
        [7] = "ParkedReplay.ReplayFirstAsync",
        [8] = "ParkedReplay.NoteAsync",
        [9] = "ProofRuns.RunIfDueAsync",
        [10] = "DeliveryBatch.StoreAsync",

        // Identity.
        [101] = "Register.InsertAsync",
        [102] = "Login.Handle",
        [103] = "Refresh.Handle",
        [104] = "Logout.Handle",
        [105] = "ChangeMe.Handle",
        [106] = "AssignRoles.Handle",
        [107] = "SigningKeys.RefreshAsync",
        [108] = "ResealUsersService.RunAsync",
        [109] = "ResealUsersService.ResealAsync",
        [110] = "StableKey.ReadAsync",

        // Catalog.
        [201] = "ReserveMany.FlushAsync",
        [202] = "ResolveHolds.RunAsync",
        [203] = "ExpireReservations.Handle",
        [204] = "ExpireReservations.KeepAsync",
        [205] = "ReceiveStock.Handle",
        [206] = "CreateProduct.Handle",
        [207] = "ChangeProduct.Handle",
        [208] = "SampleProductsService.StartAsync",
        [209] = "CountOrders.Handle",
        [210] = "RebuildPopularity.Handle",

        // Ordering.
        [301] = "ReserveStock:before-reserve",
        [302] = "ReserveStock:after-reserve",
        [303] = "StoreOrders.FlushAsync",
        [304] = "GiveBack.RunAsync",
        [305] = "StartPaymentAttempt.Handle",
        [306] = "PayInOneCall:before-start",
        [307] = "PayInOneCall:after-start",
        [308] = "PayInOneCall.SettleAsFailedAsync",
        [309] = "RecoverPaymentStarts.RunAsync",
        [310] = "RecoverPaymentStarts:after-ask",
        [311] = "RecoverPaymentStarts.SettleAsync",
        [312] = "ExpireOrders.RunAsync",
        [313] = "HoldVerdicts.Handle",
        [314] = "CancelOrder.Handle",
        [315] = "MoveShipment.MoveAsync",
        [316] = "StartRefundAttempt.Handle",
        [317] = "RecoverRefundAttempts.RunAsync",
        [318] = "RecoverRefundAttempts:after-ask",
        [319] = "CreateCoupon.Handle",
        [320] = "ClaimCoupons.LookUpAsync",
        [321] = "ClaimCoupons.CommitAsync",
        [322] = "ExpireCoupons.RunAsync",
        [323] = "ShippingAddresses.ResealAsync",
        [324] = "RegisterWebhook.Handle",
        [325] = "RemoveWebhook.Handle",
        [326] = "SendDeliveries.RunAsync",
        [327] = "SendDeliveries.RecordAsync",
        [328] = "ForgetDeliveries.RunAsync",
        [329] = "SendFeed.LendAsync",
        [330] = "SendFeed.ReturnAsync",

        // Payments.
        [401] = "PayOrder.Handle",
        [402] = "PayOrderInOneCall.Handle",
        [403] = "AskPayment.Handle",
        [404] = "ChargePayment.RunAsync:before-call",
        [405] = "ChargePayment.RunAsync:after-call",
        [406] = "ChargePayment.VoidAsync:before-call",
        [407] = "ChargePayment.VoidAsync:after-call",
        [408] = "ChargePayment.PauseAsync",
        [409] = "SettlePayment.CapturedAsync",
        [410] = "SettlePayment.FailedAsync",
        [411] = "RecoverPayments.RunAsync",
        [412] = "RecoverPayments.StartAsync",
        [413] = "CancelPayment.Handle",
        [414] = "ChargePoints.Handle",
        [415] = "ExpirePoints.RunAsync",
        [416] = "CloseDays.RunAsync",
        [417] = "StoreRefund.AskAsync:before-call",
        [418] = "StoreRefund.AskAsync:after-call",
        [419] = "StoreRefund.AskAndRunAsync",
        [420] = "SendRefund.RunAsync:before-call",
        [421] = "SendRefund.RunAsync:after-call",
        [422] = "SendRefund.PauseAsync",
        [423] = "SettleRefund.RefundedAsync",
        [424] = "SettleRefund.FailedAsync",
        [425] = "AskRefund.Handle",
        [426] = "RecoverRefunds.RunAsync",
        [427] = "RecoverRefunds.StartAsync",

        // The sandbox.
        [501] = "CreateCharge.Handle",
        [502] = "CreateCharge.IsUnknownAsync",
        [503] = "SlowCharges.DecideAsync",
        [504] = "GetCharge.Handle",
        [505] = "ListCharges.Handle",
        [506] = "VoidCharge.Handle",
        [507] = "CreateRefund.Handle",
        [508] = "GetRefund.Handle",
        [509] = "ListRefunds.Handle",
        [510] = "Outages.ComesNowAsync",
        [511] = "WebhookSenderService.SendDueAsync",
    };
}
