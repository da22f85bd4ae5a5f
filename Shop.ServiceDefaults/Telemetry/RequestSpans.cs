using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Shop.ServiceDefaults.Health;

namespace Shop.ServiceDefaults.Telemetry;

/// <summary>
/// Gives the request span of .NET 10 the name, route and outcome that the OpenTelemetry conventions ask for (it brings
/// method and path only), and leaves no trace of health probes.
/// </summary>
internal static class RequestSpans
{
    private const string PathTag = "url.path";
    private const string QueryTag = "url.query";

    public static void UseRequestSpans(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        if (Activity.Current is not { IsAllDataRequested: true } activity) return next(context);
        if (!HealthEndpoints.IsProbe(context.Request.Path)) return TracedAsync(context, activity, next);

        // What is below it, such as the query of a check, follows the flag of its parent.
        activity.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
        activity.IsAllDataRequested = false;
        return next(context);
    });

    private static async Task TracedAsync(HttpContext context, Activity activity, RequestDelegate next)
    {
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
        activity.DisplayName = route is null ? context.Request.Method : $"{context.Request.Method} {route}";
        if (route is not null) activity.SetTag("http.route", route);

        // What somebody typed into an address may name a person; a route's own path has ids only.
        if (route is null) activity.SetTag(PathTag, "(no route)");
        activity.SetTag(QueryTag, null);

        await next(context);

        var status = context.Response.StatusCode;
        activity.SetTag("http.response.status_code", status);
        if (status >= StatusCodes.Status500InternalServerError) activity.SetStatus(ActivityStatusCode.Error);
    }
}
