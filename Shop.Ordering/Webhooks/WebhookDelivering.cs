using Microsoft.Extensions.DependencyInjection.Extensions;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Scheduling;

namespace Shop.Ordering.Webhooks;

internal static class WebhookDelivering
{
    private static readonly TimeSpan ForgetInterval = TimeSpan.FromMinutes(5);

    /// <summary>Fills and sends deliveries. For the background half.</summary>
    public static void AddWebhookDelivery(this IHostApplicationBuilder builder)
    {
        var options = builder.AddWebhookOptions();
        builder.Services.AddSingleton<WebhookSender>();
        builder.AddSubscriptions<OrderingDb>("ordering-webhooks", QueueDeliveries.Subscribe);
        builder.AddSchedule("send-webhooks", TimeSpan.FromSeconds(options.PollSeconds), SendDeliveries.RunAsync);
        builder.AddSchedule("forget-webhook-deliveries", ForgetInterval, ForgetDeliveries.RunAsync);
    }

    public static WebhookOptions AddWebhookOptions(this IHostApplicationBuilder builder)
    {
        var options = builder.Configuration.GetSection(WebhookOptions.Section).Get<WebhookOptions>() ?? new();
        options.AllowPrivateAddresses ??= builder.Environment.IsDevelopment();
        builder.Services.TryAddSingleton(options);
        return options;
    }
}
