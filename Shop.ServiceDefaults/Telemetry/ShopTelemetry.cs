using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;

namespace Shop.ServiceDefaults.Telemetry;

internal static class ShopTelemetry
{
    private const string OtlpEndpointKey = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string TagsSwitch = "Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData";
    private static readonly string[] Sources = ["Microsoft.AspNetCore", "System.Net.Http", "Npgsql", "Shop.*"];

    private static readonly string[] Meters =
    [
        "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http", "System.Runtime",
        "Npgsql", "Shop.*",
    ];

    public static void AddShopTelemetry(this WebApplicationBuilder builder)
    {
        // .NET 10 puts route, method and status on its request spans only when it is told to.
        AppContext.SetSwitch(TagsSwitch, false);
        AddLogging(builder);
        var telemetry = builder.Services.AddOpenTelemetry()
            .WithTracing(tracing => tracing.AddSource(Sources))
            .WithMetrics(metrics => metrics.AddMeter(Meters));

        // The AppHost sets the address, and with OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES who we are.
        if (string.IsNullOrEmpty(builder.Configuration[OtlpEndpointKey])) return;
        telemetry.WithLogging(
            configureBuilder: null,
            configureOptions: logs =>
            {
                logs.IncludeFormattedMessage = true;
                logs.IncludeScopes = true;
            });
        telemetry.UseOtlpExporter();
    }

    // Information from the framework is a line or more a request: 40 % of the throughput. What the configuration says
    // about a category wins.
    private static void AddLogging(WebApplicationBuilder builder)
    {
        Quiet("Microsoft.AspNetCore", LogLevel.Warning);
        Quiet("Microsoft.EntityFrameworkCore", LogLevel.Warning);
        Quiet("Microsoft.Extensions", LogLevel.Warning);
        Quiet("System.Net.Http", LogLevel.Warning);
        Quiet("Npgsql", LogLevel.Warning);
        Quiet("Polly", LogLevel.Warning);

        // Nothing of the shop is protected by its keys.
        Quiet("Microsoft.AspNetCore.DataProtection", LogLevel.Error);

        // Our handler logs what goes wrong in a request, once; the middleware would log it again.
        Quiet("Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware", LogLevel.None);

        void Quiet(string category, LogLevel level)
        {
            if (builder.Configuration.GetSection("Logging:LogLevel")[category] is null)
            {
                builder.Logging.AddFilter(category, level);
            }
        }
    }
}
