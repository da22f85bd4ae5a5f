using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Shop.ServiceDefaults.Health;
using Shop.ServiceDefaults.Http;

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
        builder.Services.AddServiceDiscovery();
        builder.Services.AddHealthChecks();
        builder.Services.AddProblemDetails();
        builder.Services.ConfigureHttpJsonOptions(json => ShopJson.Apply(json.SerializerOptions));
        return builder;
    }

    /// <summary>The middleware and the endpoints of <see cref="AddServiceDefaults"/>; before any other route.</summary>
    public static WebApplication MapServiceDefaults(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapHealth();
        return app;
    }
}
