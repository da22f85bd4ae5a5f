using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using StackExchange.Redis;

namespace Aspire.Hosting;

public static class RedisBuilderExtensions
{
    private const int RedisPort = 6379;

    public static IResourceBuilder<RedisResource> AddRedis(
        this IDistributedApplicationBuilder builder,
        string name,
        int? port = null,
        IResourceBuilder<ParameterResource>? password = null)
    {
        // No special characters: a comma in a password would end it in the connection string.
        var passwordParameter = password?.Resource ?? ParameterResourceBuilderExtensions
            .CreateDefaultPasswordParameter(builder, $"{name}-password", special: false);
        var redis = new RedisResource(name, passwordParameter);
        var check = new PingCheck(redis);
        builder.Eventing.Subscribe<ConnectionStringAvailableEvent>(redis, check.LearnAsync);

        var key = $"{name}_check";
        builder.Services.AddHealthChecks().AddCheck(key, check);
        return builder.AddResource(redis)
            .WithEndpoint(port: port, targetPort: RedisPort, name: "tcp", scheme: "redis")
            .WithImage("library/redis", "8.6")
            .WithHealthCheck(key);
    }

    public static IResourceBuilder<RedisResource> WithDataVolume(
        this IResourceBuilder<RedisResource> builder, string? name = null, bool isReadOnly = false) =>
        builder.WithVolume(name ?? $"{builder.Resource.Name}-data", "/data", isReadOnly);

    /// <summary>Healthy when the server answers PING.</summary>
    private sealed class PingCheck(RedisResource redis) : IHealthCheck
    {
        private string? _connectionString;

        public async Task LearnAsync(ConnectionStringAvailableEvent e, CancellationToken ct) =>
            _connectionString = await ((IResourceWithConnectionString)redis).GetConnectionStringAsync(ct);

        public async Task<HealthCheckResult> CheckHealthAsync(
            HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            if (_connectionString is null) return HealthCheckResult.Unhealthy("No connection string yet.");

            try
            {
                var options = ConfigurationOptions.Parse(_connectionString);
                options.ConnectTimeout = 2000;
                using var connection = await ConnectionMultiplexer.ConnectAsync(options);
                try
                {
                    await connection.GetDatabase().PingAsync();
                    return HealthCheckResult.Healthy();
                }
                finally
                {
                    // Dispose alone blocks a thread of the pool for a second, and the shop's ports stand still with it.
                    await connection.CloseAsync(allowCommandsToComplete: false);
                }
            }
            catch (Exception failure) when (failure is RedisException or RedisConnectionException or TimeoutException)
            {
                return HealthCheckResult.Unhealthy(failure.Message, failure);
            }
        }
    }
}
