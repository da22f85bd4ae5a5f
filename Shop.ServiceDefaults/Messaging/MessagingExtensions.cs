using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Scheduling;
using StackExchange.Redis;

namespace Shop.ServiceDefaults.Messaging;

public static class MessagingExtensions
{
    private static readonly TimeSpan UpkeepInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan DropInterval = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Carries the outbox of <typeparamref name="TDb"/> to the streams. For the workers, never for an API.
    /// </summary>
    public static void AddOutboxRelay<TDb>(this IHostApplicationBuilder builder)
        where TDb : DbContext
    {
        builder.AddMessaging();
        builder.Services.AddSingleton<IOutboxSource, OutboxSource<TDb>>();
        builder.Services.AddHostedService(services => new OutboxRelayService<TDb>(
            services.GetRequiredService<Database<TDb>>(),
            services.GetRequiredService<EventPublisher>(),
            services.GetRequiredService<MessagingOptions>(),
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<OutboxRelayService<TDb>>>()));
    }

    /// <summary>
    /// Adds a consumer group whose handlers change <typeparamref name="TDb"/>, and reads its streams in this process.
    /// For the workers, never for an API.
    /// </summary>
    public static void AddSubscriptions<TDb>(
        this IHostApplicationBuilder builder, string group, Action<Subscriptions<TDb>> configure)
        where TDb : DbContext
    {
        var subscriptions = new Subscriptions<TDb>(group);
        configure(subscriptions);
        builder.AddMessaging();
        builder.Services.AddSingleton<IConsumerGroup>(services =>
            ActivatorUtilities.CreateInstance<ConsumerGroup<TDb>>(services, subscriptions));
        builder.Services.AddSingleton<IHostedService>(services =>
            ActivatorUtilities.CreateInstance<ConsumerService<TDb>>(services, subscriptions));
    }

    /// <summary>
    /// The schedules that look across all relays and groups of this process: reconciling, trimming, dropping,
    /// measuring. Once, in the process that hosts all of them.
    /// </summary>
    public static void AddMessagingUpkeep(this IHostApplicationBuilder builder)
    {
        builder.AddMessaging();
        var options = MessagingOptions.From(builder.Configuration);
        builder.AddSchedule(
            "reconcile-events", TimeSpan.FromSeconds(options.ReconcileIntervalSeconds),
            // 0: what was published again is looked at after the pause, not at once.
            async (services, ct) =>
            {
                await services.GetRequiredService<Reconciler>().RunAsync(ct);
                return 0;
            });
        builder.AddSchedule(
            "replay-too-early", TimeSpan.FromSeconds(options.ReplayTooEarlySeconds),
            async (services, ct) =>
            {
                await services.GetRequiredService<MessagingOperations>().ReplayTooEarlyAsync(ct);
                return 0;
            });
        builder.AddSchedule("trim-streams", UpkeepInterval, (services, ct) =>
            services.GetRequiredService<MessagingUpkeep>().TrimStreamsAsync(ct));
        builder.AddSchedule("drop-partitions", DropInterval, (services, ct) =>
            services.GetRequiredService<MessagingUpkeep>().DropPartitionsAsync(ct));
        builder.AddSchedule("measure-outboxes", UpkeepInterval, (services, ct) =>
            services.GetRequiredService<MessagingUpkeep>().MeasureOutboxesAsync(ct));
    }

    /// <summary>What relays and readers share. Added by both; needs <c>AddRedisClient</c>.</summary>
    private static void AddMessaging(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.TryAddSingleton(MessagingOptions.From(builder.Configuration));
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => new RedisStreams(
            provider.GetRequiredService<IConnectionMultiplexer>,
            provider.GetRequiredService<MessagingOptions>(),
            provider.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<StreamPositions>();
        // One for each who publishes: it remembers which streams it found full.
        services.TryAddTransient<EventPublisher>();
        services.TryAddSingleton<IReadOnlyList<IOutboxSource>>(provider => [.. provider.GetServices<IOutboxSource>()]);
        services.TryAddSingleton<IReadOnlyList<IConsumerGroup>>(
            provider => [.. provider.GetServices<IConsumerGroup>()]);
        services.TryAddSingleton<Reconciler>();
        services.TryAddSingleton<MessagingUpkeep>();
        services.TryAddSingleton(provider => new MessagingOperations(
            provider.GetRequiredService<IReadOnlyList<IOutboxSource>>(),
            provider.GetRequiredService<IReadOnlyList<IConsumerGroup>>(),
            provider.GetRequiredService<RedisStreams>(),
            provider.GetRequiredService<MessagingOptions>()));
    }
}
