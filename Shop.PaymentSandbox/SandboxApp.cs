using Shop.PaymentSandbox.Charges;
using Shop.PaymentSandbox.Webhooks;
using Shop.ServiceDefaults;
using Shop.ServiceDefaults.Data;

namespace Shop.PaymentSandbox;

/// <summary>The whole service, apart from Program so that a test can run it in its own process.</summary>
internal static class SandboxApp
{
    /// <param name="configure">A test's own services, which win over the defaults.</param>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateBuilder(args);
        configure?.Invoke(builder);
        builder.AddServiceDefaults();
        builder.AddDatabase<SandboxDb>("sandboxdb");
        builder.Services.AddValidation();
        builder.Services.AddOptions<SandboxOptions>()
            .BindConfiguration(SandboxOptions.Section)
            .ValidateDataAnnotations()
            .Validate(
                options => string.IsNullOrEmpty(options.WebhookUrl) || !string.IsNullOrEmpty(options.WebhookSecret),
                "Sandbox:WebhookUrl needs a Sandbox:WebhookSecret.")
            .ValidateOnStart();

        builder.Services.AddSingleton<Outages>();
        builder.Services.AddSingleton<SlowCharges>();
        builder.Services.AddSingleton<WebhookWriter>();
        builder.Services.AddHttpClient(WebhookSenderService.Client).AddServiceDiscovery();
        builder.Services.AddHostedService<WebhookSenderService>();

        var app = builder.Build();
        app.MapServiceDefaults();
        app.MapSandbox();
        return app;
    }
}
