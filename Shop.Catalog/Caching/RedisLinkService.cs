using StackExchange.Redis;

namespace Shop.Catalog.Caching;

/// <summary>
/// Connects to Redis in the background: making the client waits for a first answer, and no request has to. The client
/// reconnects by itself from then on. Without a connection string there is no cache.
/// </summary>
internal sealed partial class RedisLinkService(
    IServiceProvider services, IConfiguration configuration, CacheOptions options, TimeProvider clock,
    ILogger<RedisLinkService> log) : BackgroundService
{
    private volatile IConnectionMultiplexer? _redis;

    /// <summary>Null while Redis is not connected.</summary>
    public IDatabase? Database => _redis is { IsConnected: true } redis ? redis.GetDatabase() : null;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (string.IsNullOrEmpty(configuration.GetConnectionString("cache"))) return;

        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                // The client's constructor blocks while it connects.
                _redis = await Task.Run(services.GetRequiredService<IConnectionMultiplexer>, stoppingToken);
                return;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is RedisException or TimeoutException)
            {
                NotConnected(log, e.Message);
            }

            await Task.Delay(options.Break, clock, stoppingToken);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Redis is away and products are read from PostgreSQL: {Reason}")]
    private static partial void NotConnected(ILogger log, string reason);
}
