using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Headers;
using Shop.ServiceDefaults.Health;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Limits;
using Shop.ServiceDefaults.OpenApi;
using Shop.ServiceDefaults.Problems;
using Shop.ServiceDefaults.Telemetry;

namespace Shop.ServiceDefaults;

/// <summary>What every service of the shop has in common, in the one order that works.</summary>
public static class ServiceDefaultsExtensions
{
    /// <summary>
    /// Telemetry, discovery, health checks, authentication (everything is closed unless it says otherwise), problems
    /// and JSON. A service with endpoints calls <c>AddValidation()</c> itself: its generator reads that project only.
    /// </summary>
    public static WebApplicationBuilder AddServiceDefaults(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.AddShopTelemetry();
        builder.AddRequestLimits();
        builder.AddRateLimits();
        builder.AddSecurityHeaders();
        builder.Services.AddHealth();
        builder.Services.AddProblems();
        builder.Services.ConfigureHttpJsonOptions(json => ShopJson.Apply(json.SerializerOptions));
        builder.Services.AddOpenApiPages();

        builder.Services.AddServiceDiscovery();
        builder.Services.AddOptions<ServiceClientOptions>()
            .Bind(builder.Configuration.GetSection("ServiceClient"))
            .ValidateDataAnnotations()
            .ValidateOnStart();
        builder.Services.AddSingleton<ServiceTokens>();
        builder.AddIdentityClient();
        builder.AddShopAuthentication();
        return builder;
    }

    /// <summary>The middleware and the endpoints of <see cref="AddServiceDefaults"/>; before any other route.</summary>
    public static WebApplication MapServiceDefaults(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseRequestSpans();
        app.UseSecurityHeaders();
        app.UseProblems();
        app.MapOpenApiPages();
        app.UseAuthentication();
        app.UseRateLimiter();
        app.UseAuthorization();
        app.MapHealth();
        return app;
    }
}
