using System.Collections.Concurrent;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Faults;

/// <summary>
/// A shop whose processes can be started with a crash point. One process of each, so that all that passes the point is
/// that one's.
/// </summary>
public sealed class CrashShop() : ShopApp(new ShopAppOptions { Settings = FaultShop.Impatient })
{
    private const string Variable = "SHOP_CRASH_POINT";

    private readonly ConcurrentDictionary<string, string> _armed = new();

    /// <summary>Restarts the service so that it dies at that point; answers when it waits for that.</summary>
    public async Task ArmAsync(string service, string point)
    {
        _armed[service] = point;
        await CommandAsync(service, KnownResourceCommands.RestartCommand);
        await RunsAsync(service);
    }

    /// <summary>Waits for its death and starts it again without the point.</summary>
    public async Task ReviveAsync(string service)
    {
        await Eventually.HoldsAsync(
            async () => (await this.InstancesAsync(service)).All(instance => instance.State == "Exited"),
            TimeSpan.FromSeconds(120), $"{service} has died");
        _armed.TryRemove(service, out _);
        await CommandAsync(service, KnownResourceCommands.StartCommand);
        await RunsAsync(service);
    }

    protected override void Configure(IDistributedApplicationTestingBuilder builder)
    {
        foreach (var service in builder.Resources.OfType<ProjectResource>())
        {
            // Asked at each start of a process.
            service.Annotations.Add(new EnvironmentCallbackAnnotation(context =>
            {
                if (_armed.TryGetValue(service.Name, out var point)) context.EnvironmentVariables[Variable] = point;
            }));
        }
    }

    // Not until it is healthy: one that is to die at its first event may be gone before anybody asks.
    private Task RunsAsync(string service) => Eventually.HoldsAsync(
        async () => (await this.InstancesAsync(service)).All(instance => instance.State is "Running" or "Exited"),
        TimeSpan.FromSeconds(60), $"{service} runs");
}
