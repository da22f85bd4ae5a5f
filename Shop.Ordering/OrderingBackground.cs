using Microsoft.Extensions.DependencyInjection.Extensions;
using Shop.Ordering.Coupons;
using Shop.Ordering.Feed;
using Shop.Ordering.Notifications;
using Shop.Ordering.Orders;
using Shop.Ordering.Proof;
using Shop.Ordering.Refunds;
using Shop.Ordering.Webhooks;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Proof;
using Shop.ServiceDefaults.Recovery;
using Shop.ServiceDefaults.Scheduling;

namespace Shop.Ordering;

/// <summary>The background half of Ordering, hosted by the workers: reactions and sweeps.</summary>
public static class OrderingBackground
{
    public static void AddOrderingBackground(this IHostApplicationBuilder builder)
    {
        builder.AddDatabase<OrderingDb>("orderingdb");
        builder.AddServiceClient<PaymentsClient>("payments");
        var options = builder.AddOrderingOptions();
        var coupons = builder.AddCouponOptions();

        builder.AddSubscriptions<OrderingDb>("ordering-payments", group => group
            .On<PaymentCompleted>(OnPaymentCompleted.Handle)
            .On<PaymentFailed>(OnPaymentFailed.Handle)
            .On<RefundCompleted>(OnRefundCompleted.Handle)
            .On<RefundFailed>(OnRefundFailed.Handle));
        builder.AddSubscriptions<OrderingDb>("ordering-stock", group => group
            .On<StockCommitFailed>(OnStockCommitFailed.Handle));
        builder.AddSubscriptions<OrderingDb>("ordering-notifications", NotifyBuyer.Subscribe);
        builder.AddWebhookDelivery();
        builder.AddFeed();

        builder.AddProofRules<OrderingDb>([.. OrderRules.All, .. CouponRules.All, .. SideWorkRules.All]);
        builder.AddRecoveryKind<OrderingDb>(RecoverPaymentStarts.Kind, RecoverPaymentStarts.WaitingSql);
        builder.AddRecoveryKind<OrderingDb>(RecoverPaymentStarts.CancelKind, RecoverPaymentStarts.CancelWaitingSql);
        builder.AddRecoveryKind<OrderingDb>(RecoverRefundAttempts.Kind, RecoverRefundAttempts.WaitingSql);
        builder.AddSchedule(
            "expire-orders", TimeSpan.FromSeconds(options.ExpirySweepSeconds), ExpireOrders.RunAsync);
        builder.AddSchedule(
            "recover-payment-starts", TimeSpan.FromSeconds(options.RecoverySweepSeconds),
            RecoverPaymentStarts.RunAsync);
        builder.AddSchedule(
            "recover-refund-attempts", TimeSpan.FromSeconds(options.RecoverySweepSeconds),
            RecoverRefundAttempts.RunAsync);
        builder.AddSchedule(
            "expire-coupons", TimeSpan.FromSeconds(coupons.ExpirySweepSeconds), ExpireCoupons.RunAsync);
    }

    internal static OrderingOptions AddOrderingOptions(this IHostApplicationBuilder builder)
    {
        var options = builder.Configuration.GetSection(OrderingOptions.Section).Get<OrderingOptions>() ?? new();
        builder.Services.TryAddSingleton(options);
        return options;
    }

    internal static CouponOptions AddCouponOptions(this IHostApplicationBuilder builder)
    {
        var options = builder.Configuration.GetSection(CouponOptions.Section).Get<CouponOptions>() ?? new();
        builder.Services.TryAddSingleton(options);
        return options;
    }
}
