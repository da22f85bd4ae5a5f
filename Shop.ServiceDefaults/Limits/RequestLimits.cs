using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Shop.ServiceDefaults.Limits;

/// <summary>How much a client may send: <c>Limits:MaxRequestBodyBytes</c> (1 MiB), header and line sizes.</summary>
internal static class RequestLimits
{
    private const string MaxRequestBodyBytesKey = "Limits:MaxRequestBodyBytes";
    private const long DefaultMaxRequestBodyBytes = 1 << 20;
    private const int MaxRequestLineBytes = 8 << 10;
    private const int MaxRequestHeadersBytes = 16 << 10;

    public static void AddRequestLimits(this WebApplicationBuilder builder)
    {
        var maxBytes = builder.Configuration.GetValue(MaxRequestBodyBytesKey, DefaultMaxRequestBodyBytes);
        builder.Services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = maxBytes;
            kestrel.Limits.MaxRequestLineSize = MaxRequestLineBytes;
            kestrel.Limits.MaxRequestHeadersTotalSize = MaxRequestHeadersBytes;
        });

        // A body or parameter that cannot be read reaches the exception handler, which can name the field, in every
        // environment; by default only Development throws.
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
    }
}
