using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Shop.ServiceDefaults.Headers;

/// <summary>What every answer tells browsers, and which other origins may read it: none unless configured.</summary>
internal static class SecurityHeaders
{
    private const string OriginsKey = "Cors:Origins";
    private const string NothingButJson = "default-src 'none'; frame-ancestors 'none'";

    // Swagger's page brings its own scripts and styles, some of them inline, and asks this service only.
    private const string SwaggerPage =
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        + "img-src 'self' data:; frame-ancestors 'none'; form-action 'none'";

    private static readonly string[] Readable = ["ETag", "Location", "Retry-After", "Idempotency-Replayed"];
    private static readonly TimeSpan PreflightKept = TimeSpan.FromHours(1);

    public static void AddSecurityHeaders(this WebApplicationBuilder builder)
    {
        var origins = builder.Configuration.GetSection(OriginsKey).Get<string[]>() ?? [];
        builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
            .WithOrigins(origins).AllowAnyMethod().AllowAnyHeader()
            .WithExposedHeaders(Readable).SetPreflightMaxAge(PreflightKept)));
    }

    public static void UseSecurityHeaders(this WebApplication app)
    {
        // At the start of the answer: the exception handler empties the headers before it writes its own.
        app.Use((context, next) =>
        {
            context.Response.OnStarting(Write, context);
            return next(context);
        });
        if (app.Configuration.GetSection(OriginsKey).GetChildren().Any()) app.UseCors();
    }

    private static Task Write(object state)
    {
        var context = (HttpContext)state;
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        var isPage = context.Request.Path.StartsWithSegments("/swagger", StringComparison.Ordinal);
        headers.ContentSecurityPolicy = isPage ? SwaggerPage : NothingButJson;
        if (context.Request.IsHttps) headers.StrictTransportSecurity = "max-age=31536000; includeSubDomains";
        return Task.CompletedTask;
    }
}
