using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Shop.ServiceDefaults.Http;

/// <summary>Typed clients of other services.</summary>
public static class ServiceClients
{
    private const string Section = "Http";
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Registers <typeparamref name="TClient"/> with an HttpClient whose base address is <c>http://{service}</c>:
    /// discovery, this service's token, time limits, retry of what may be repeated, a breaker per service.
    /// Failures surface as <see cref="ServiceUnavailableException"/>. Answers are read whole before they are returned.
    /// </summary>
    public static IHttpClientBuilder AddServiceClient<TClient>(
        this IHostApplicationBuilder builder, string service, Action<ServiceHttpOptions>? configure = null)
        where TClient : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(service);
        var options = builder.AddServicePipeline(service, configure);
        // Named in full: two services may call theirs OrderingClient, and the workers host both.
        var client = builder.Services
            .AddHttpClient<TClient>(typeof(TClient).FullName!, ConfigureFor(service)).AddResilience(service);
        if (options.SendServiceToken)
        {
            client.AddHttpMessageHandler(services => ActivatorUtilities.CreateInstance<ServiceTokenHandler>(services));
        }

        return client.AddServiceDiscovery();
    }

    /// <summary>The client that asks Identity for tokens and keys, by name: it has no token of its own.</summary>
    internal static void AddIdentityClient(this IHostApplicationBuilder builder)
    {
        builder.AddServicePipeline(ServiceTokens.IdentityService, configure: null);
        builder.Services.AddHttpClient(ServiceTokens.ClientName, ConfigureFor(ServiceTokens.IdentityService))
            .AddResilience(ServiceTokens.IdentityService)
            .AddServiceDiscovery();
    }

    private static ServiceHttpOptions AddServicePipeline(
        this IHostApplicationBuilder builder, string service, Action<ServiceHttpOptions>? configure)
    {
        var section = builder.Configuration.GetSection(Section);
        builder.Services.AddOptions<ServiceHttpOptions>(service)
            .Configure(options => configure?.Invoke(options))
            .Bind(section)
            .Bind(section.GetSection(service))
            .ValidateDataAnnotations()
            .ValidateOnStart();
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.TryAddSingleton<ServicePipelines>();

        var options = new ServiceHttpOptions();
        configure?.Invoke(options);
        section.Bind(options);
        section.GetSection(service).Bind(options);
        return options;
    }

    // The time limits are the pipeline's: HttpClient's own would cut the repetitions short.
    private static Action<HttpClient> ConfigureFor(string service) => client =>
    {
        client.BaseAddress = new Uri($"http://{service}");
        client.Timeout = Timeout.InfiniteTimeSpan;
    };

    // Outermost the pipeline, then token and discovery, so that each attempt may reach another replica. Handlers are
    // kept for ever (clients live in singletons too); connections are not, so that a moved replica is noticed.
    private static IHttpClientBuilder AddResilience(this IHttpClientBuilder client, string service)
    {
        return client
            .RemoveAllLoggers()
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .UseSocketsHttpHandler((handler, _) =>
            {
                handler.ConnectTimeout = ConnectTimeout;
                handler.PooledConnectionLifetime = ConnectionLifetime;
                handler.AllowAutoRedirect = false;
                handler.UseCookies = false;
                handler.UseProxy = false;
            })
            .AddHttpMessageHandler(services => new ResilienceHandler(
                service,
                services.GetRequiredService<ServicePipelines>(),
                services.GetRequiredService<IOptionsMonitor<ServiceHttpOptions>>().Get(service)));
    }
}
