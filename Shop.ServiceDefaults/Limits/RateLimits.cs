using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Health;

namespace Shop.ServiceDefaults.Limits;

/// <summary>
/// 429 with Retry-After for whoever asks too often: by user where there is one, else by address. Services and probes
/// are not counted, and a refused request has met no handler, so that it consumes no idempotency key.
/// </summary>
public static class RateLimits
{
    /// <summary>Policy of the endpoints that anybody may guess at; counted besides the limit of the address.</summary>
    public const string SignIn = "sign-in";

    private const int Ipv6NetworkBytes = 8;
    private static readonly TimeSpan Replenishment = TimeSpan.FromMilliseconds(100);

    internal static void AddRateLimits(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<RateLimitOptions>()
            .BindConfiguration(RateLimitOptions.Section)
            .Validate(
                options => IsGood(options.User) && IsGood(options.Address) && IsGood(options.SignIn),
                "RateLimits: PerSecond and Burst are at least 1.")
            .ValidateOnStart();
        builder.Services.AddRateLimiter(_ => { });
        builder.Services.AddOptions<RateLimiterOptions>().Configure<IOptions<RateLimitOptions>>((limiter, options) =>
        {
            var limits = options.Value;
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.OnRejected = RefuseAsync;
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(
                http => PartitionOf(http, limits));
            limiter.AddPolicy(SignIn, http => Bucket(AddressOf(http), limits.SignIn));
        });
    }

    private static bool IsGood(RateLimit limit) => Validator.TryValidateObject(limit, new(limit), null, true);

    private static RateLimitPartition<string> PartitionOf(HttpContext http, RateLimitOptions limits)
    {
        if (http.User.IsService() || HealthEndpoints.IsProbe(http.Request.Path))
        {
            return RateLimitPartition.GetNoLimiter("");
        }

        return http.User.IsUser()
            ? Bucket(http.User.FindFirst(Principals.Subject)!.Value, limits.User)
            : Bucket(AddressOf(http), limits.Address);
    }

    private static RateLimitPartition<string> Bucket(string caller, RateLimit limit) =>
        RateLimitPartition.GetTokenBucketLimiter(caller, _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = limit.Burst,
            TokensPerPeriod = Math.Max(1, (int)(limit.PerSecond * Replenishment.TotalSeconds)),
            ReplenishmentPeriod = limit.PerSecond * Replenishment.TotalSeconds >= 1
                ? Replenishment
                : TimeSpan.FromSeconds(1.0 / limit.PerSecond),
            QueueLimit = 0,
        });

    // A household or a customer of a host has a whole /64 of IPv6 addresses to change among.
    private static string AddressOf(HttpContext http)
    {
        if (http.Connection.RemoteIpAddress is not { } address) return "unknown";
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        return address.GetAddressBytes() is { Length: > 4 } bytes && !IPAddress.IsLoopback(address)
            ? Convert.ToHexStringLower(bytes.AsSpan(0, Ipv6NetworkBytes))
            : address.ToString();
    }

    private static async ValueTask RefuseAsync(OnRejectedContext context, CancellationToken ct)
    {
        var http = context.HttpContext;
        var pause = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : TimeSpan.Zero;
        var seconds = Math.Max(1, (long)Math.Ceiling(pause.TotalSeconds));
        http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        await http.RequestServices.GetRequiredService<IProblemDetailsService>().TryWriteAsync(new ProblemDetailsContext
        {
            HttpContext = http,
            ProblemDetails = Problems.Problems.Details(
                StatusCodes.Status429TooManyRequests, "too-many-requests", "Too many requests; wait and try again."),
        });
    }
}
