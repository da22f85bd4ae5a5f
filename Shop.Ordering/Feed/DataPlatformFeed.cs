using Microsoft.Extensions.DependencyInjection.Extensions;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Scheduling;

namespace Shop.Ordering.Feed;

internal static class DataPlatformFeed
{
    /// <summary>Adds the group and its sender, if there is a target; without one nothing is owed or kept.</summary>
    public static void AddFeed(this IHostApplicationBuilder builder)
    {
        var options = builder.Configuration.GetSection(FeedOptions.Section).Get<FeedOptions>() ?? new();
        if (FeedTarget.Of(options) is not { } target) return;

        builder.Services.TryAddSingleton(options);
        builder.Services.TryAddSingleton(target);
        builder.AddSubscriptions<OrderingDb>("data-platform", StoreFeedRows.Subscribe);
        builder.AddSchedule("send-feed", TimeSpan.FromSeconds(options.PollSeconds), SendFeed.RunAsync);
    }
}
