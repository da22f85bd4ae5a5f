using Shop.Payments.Gateway;
using Shop.Payments.Payments;
using Shop.Payments.Points;
using Shop.Payments.Proof;
using Shop.Payments.Refunds;
using Shop.Payments.Settlement;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Proof;
using Shop.ServiceDefaults.Recovery;
using Shop.ServiceDefaults.Scheduling;

namespace Shop.Payments;

public static class PaymentsBackground
{
    /// <summary>The background half of Payments: its database, the processor, its consumer groups and sweeps.</summary>
    public static void AddPaymentsBackground(this IHostApplicationBuilder builder)
    {
        var options = builder.AddPaymentsCore();
        var sandbox = builder.Configuration.GetSection(SandboxOptions.Section).Get<SandboxOptions>() ?? new();

        builder.AddServiceClient<SandboxGateway>("sandbox", http =>
        {
            http.SendServiceToken = false;
            http.AttemptTimeoutSeconds = sandbox.TimeoutSeconds;
            http.TotalTimeoutSeconds = sandbox.TimeoutSeconds;
            http.RetryCount = 0;
        });
        builder.Services.AddTransient<IPaymentGateway>(services => services.GetRequiredService<SandboxGateway>());
        builder.Services.AddTransient<ChargePayment>();
        builder.Services.AddTransient<RecoverPayments>();
        builder.Services.AddTransient<SendRefund>();
        builder.Services.AddTransient<RecoverRefunds>();
        builder.Services.AddTransient<CloseDays>();

        builder.AddSubscriptions<PaymentsDb>("payments-payments", OnPaymentEvents);
        builder.AddSubscriptions<PaymentsDb>("payments-orders", OnOrderEvents);
        builder.AddSubscriptions<PaymentsDb>(CloseDays.Group, OnSettlementEvents);

        builder.AddProofRules<PaymentsDb>([
            .. PaymentRules.All, .. PointsRules.All, PointsRules.InTheLedger, .. LedgerRules.All,
            .. SettlementRules.All,
        ]);
        builder.AddRecoveryKind<PaymentsDb>(RecoverPayments.Kind, RecoverPayments.WaitingSql);
        builder.AddRecoveryKind<PaymentsDb>(RecoverRefunds.Kind, RecoverRefunds.WaitingSql);
        var pause = TimeSpan.FromSeconds(options.SweepSeconds);
        builder.AddSchedule("recover-payments", pause, RecoverPayments.Run);
        builder.AddSchedule("recover-refunds", pause, RecoverRefunds.Run);

        var points = builder.Configuration.GetSection(PointsOptions.Section).Get<PointsOptions>() ?? new();
        builder.AddSchedule("expire-points", TimeSpan.FromSeconds(points.SweepSeconds), ExpirePoints.Run);
        builder.AddSchedule(
            "close-settlement-days", TimeSpan.FromSeconds(options.SettlementCloseSeconds), CloseDays.Run);
    }

    internal static void OnPaymentEvents(Subscriptions<PaymentsDb> group) => group
        .On<PaymentRequested>(OnPaymentRequested.Handle)
        .On<RefundRequested>(OnRefundRequested.Handle);

    internal static void OnOrderEvents(Subscriptions<PaymentsDb> group) => group
        .On<PaymentVoidDue>(OnPaymentVoidDue.Handle)
        .On<OrderRefundDue>(OnOrderRefundDue.Handle);

    internal static void OnSettlementEvents(Subscriptions<PaymentsDb> group) => group
        .On<PaymentCompleted>(OnPaymentCompleted.Handle)
        .On<RefundCompleted>(OnRefundCompleted.Handle);

    /// <summary>What the HTTP half and the background half share.</summary>
    internal static PaymentsOptions AddPaymentsCore(this IHostApplicationBuilder builder)
    {
        var options = builder.Configuration.GetSection(PaymentsOptions.Section).Get<PaymentsOptions>() ?? new();
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(
            builder.Configuration.GetSection(SandboxOptions.Section).Get<SandboxOptions>() ?? new());
        builder.Services.AddSingleton(
            builder.Configuration.GetSection(PointsOptions.Section).Get<PointsOptions>() ?? new());
        builder.AddDatabase<PaymentsDb>("paymentsdb");
        return options;
    }
}
