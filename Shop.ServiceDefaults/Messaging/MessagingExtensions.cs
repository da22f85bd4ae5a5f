using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Data;
using StackExchange.Redis;

namespace Shop.ServiceDefaults.Messaging;

public static class MessagingExtensions
{
    /// <summary>
    /// Carries the outbox of <typeparamref name="TDb"/> to the streams. For the workers, never for an API.
    /// </summary>
    public static void AddOutboxRelay<TDb>(this IHostApplicationBuilder builder)
        where TDb : DbContext
    {
        builder.AddMessaging();
        builder.Services.AddHostedService(services => new OutboxRelayService<TDb>(
            services.GetRequiredService<Database<TDb>>(),
            ActivatorUtilities.CreateInstance<EventPublisher>(services),
            services.GetRequiredService<MessagingOptions>(),
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<OutboxRelayService<TDb>>>()));
    }

    /// <summary>What relays and readers share. Added by both; needs <c>AddRedisClient</c>.</summary>
    internal static void AddMessaging(this IHostApplicationBuilder builder)
    {
        var options = MessagingOptions.From(builder.Configuration);
        builder.Services.TryAddSingleton(options);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.TryAddSingleton(services => new RedisStreams(
            services.GetRequiredService<IConnectionMultiplexer>,
            services.GetRequiredService<MessagingOptions>(),
            services.GetRequiredService<TimeProvider>()));
    }
}
