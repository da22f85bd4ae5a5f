using System.Globalization;
using System.Text.RegularExpressions;
using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.DependencyInjection;
using Shop.Tests.Fixtures;
using StackExchange.Redis;

namespace Shop.Tests.Faults;

/// <summary>One process of a resource, as the AppHost lists it.</summary>
internal sealed record Instance(string Id, string State, int? ProcessId);

/// <summary>Single processes of a running shop, for faults that not all replicas are to have at once.</summary>
internal static partial class Instances
{
    public const string Kill = "kill";

    public static async Task<Instance[]> InstancesAsync(this ShopApp shop, string resource)
    {
        using var control = shop.Control();
        return
        [
            .. from row in (await control.GetStringAsync("/resources")).Split('\n')
               where row.StartsWith($"{resource}-", StringComparison.Ordinal)
               let match = Row().Match(row)
               where match.Success
               select new Instance(
                   match.Groups["id"].Value, match.Groups["state"].Value,
                   match.Groups["pid"] is { Success: true, Value: var pid }
                       ? int.Parse(pid, CultureInfo.InvariantCulture)
                       : null),
        ];
    }

    public static async Task CommandInstanceAsync(this ShopApp shop, string instance, string command)
    {
        var commands = shop.App.Services.GetRequiredService<ResourceCommandService>();
        var result = await commands.ExecuteCommandAsync(instance, command);
        Assert.True(result.Success, $"{instance} {command}: {result.Message}");
    }

    public static Task InstanceBecomesAsync(this ShopApp shop, string resource, string instance, string state) =>
        Eventually.HoldsAsync(
            async () => (await shop.InstancesAsync(resource)).Any(i => i.Id == instance && i.State == state),
            TimeSpan.FromSeconds(60), $"{instance} is {state}");

    /// <summary>The resource that runs Redis: a process, or a container where there is an engine.</summary>
    public static string RedisResource(this ShopApp shop) =>
        shop.App.Services.GetRequiredService<DistributedApplicationModel>().Resources
            .Any(resource => resource.Name == "cache-process") ? "cache-process" : "cache";

    /// <summary>Redis loses everything that it has.</summary>
    public static async Task FlushRedisAsync(this ShopApp shop)
    {
        var options = ConfigurationOptions.Parse(await shop.ConnectionStringAsync("cache"));
        options.AllowAdmin = true;
        using var redis = await ConnectionMultiplexer.ConnectAsync(options);
        await redis.GetDatabase().ExecuteAsync("FLUSHALL");
    }

    [GeneratedRegex(@"^(?<id>\S+) +(?<state>\w+)(?: \([^)]*\))?(?: +(?<pid>\d+))?(?: |$)")]
    private static partial Regex Row();
}
