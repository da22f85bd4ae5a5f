using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Shop.ServiceDefaults.Health;

/// <summary><c>/health</c>: everything this service needs answers. <c>/alive</c>: the process itself does.</summary>
public static class HealthEndpoints
{
    /// <summary>
    /// Marks a check that has a path of its own: what it says is no reason to keep requests from this process.
    /// </summary>
    public const string ApartTag = "apart";

    private const string LiveTag = "live";
    private const string ReadyPath = "/health";
    private const string AlivePath = "/alive";

    /// <summary>Maps a check with <see cref="ApartTag"/> to its own path below <c>/health</c>.</summary>
    public static void MapHealthApart(this IEndpointRouteBuilder routes, string check) =>
        routes.Map($"{ReadyPath}/{check}", registration => registration.Name == check);

    internal static void AddHealth(this IServiceCollection services) =>
        services.AddHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy(), [LiveTag]);

    internal static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.Map(ReadyPath, check => !check.Tags.Contains(ApartTag));
        routes.Map(AlivePath, check => check.Tags.Contains(LiveTag));
    }

    /// <summary>A probe: a trace of it each second would bury those that matter.</summary>
    internal static bool IsProbe(PathString path) => path.StartsWithSegments(ReadyPath) || path == AlivePath;

    private static void Map(
        this IEndpointRouteBuilder routes, string path, Func<HealthCheckRegistration, bool> predicate) =>
        routes.MapHealthChecks(path, new HealthCheckOptions { Predicate = predicate, ResponseWriter = WriteAsync })
            .AllowAnonymous()
            .DisableHttpMetrics();

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
