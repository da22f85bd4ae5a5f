using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Shop.ServiceDefaults.Health;

/// <summary><c>/health</c>: everything this service needs answers. <c>/alive</c>: the process itself does.</summary>
internal static class HealthEndpoints
{
    private const string LiveTag = "live";
    private const string ReadyPath = "/health";
    private const string AlivePath = "/alive";

    public static void AddHealth(this IServiceCollection services) =>
        services.AddHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy(), [LiveTag]);

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        Map(ReadyPath, _ => true);
        Map(AlivePath, check => check.Tags.Contains(LiveTag));

        void Map(string path, Func<HealthCheckRegistration, bool> predicate) =>
            routes.MapHealthChecks(path, new HealthCheckOptions { Predicate = predicate, ResponseWriter = WriteAsync })
                .AllowAnonymous()
                .DisableHttpMetrics();
    }

    /// <summary>A probe: a trace of it each second would bury those that matter.</summary>
    public static bool IsProbe(PathString path) => path == ReadyPath || path == AlivePath;

    private static async Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "application/json";
        await using var writer = new Utf8JsonWriter(context.Response.BodyWriter);
        writer.WriteStartObject();
        writer.WriteString("status", report.Status.ToString());
        writer.WriteStartObject("checks");
        foreach (var (name, entry) in report.Entries) writer.WriteString(name, entry.Status.ToString());
        writer.WriteEndObject();
        writer.WriteEndObject();
        await writer.FlushAsync(context.RequestAborted);
    }
}
