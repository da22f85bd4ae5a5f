using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Shop.AppHost.Control;

/// <summary>The last known state of every instance, and the line "ready" once all of them are healthy.</summary>
internal sealed class ResourceBoard(
    DistributedApplicationModel model, ResourceNotificationService notifications, DashboardAddress dashboard)
    : BackgroundService
{
    private readonly ConcurrentDictionary<string, ResourceEvent> _states = new();
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>All instances in the order of the model, parameters and hidden ones left out.</summary>
    public IEnumerable<ResourceEvent> Instances =>
        from resource in model.Resources
        where HasLifetime(resource)
        from state in _states.Values
        where state.Resource == resource && !state.Snapshot.IsHidden
        orderby state.ResourceId
        group state by model.Resources.IndexOf(resource) into one
        orderby one.Key
        from instance in one
        select instance;

    public bool IsReady => model.Resources.Where(HasLifetime).All(IsHealthy);

    /// <summary>The process behind an instance, where there is one.</summary>
    public static int? ProcessId(CustomResourceSnapshot snapshot) =>
        snapshot.Properties.FirstOrDefault(p => p.Name == "executable.pid")?.Value is { } id
            ? Convert.ToInt32(id, CultureInfo.InvariantCulture)
            : null;

    public string Table()
    {
        var table = new StringBuilder();
        foreach (var instance in Instances)
        {
            var now = instance.Snapshot;
            var process = now.State?.Text == KnownResourceStates.Running ? ProcessId(now) : null;
            table.AppendLine($"{instance.ResourceId,-28} {State(now),-22} {process,-8} {Address(now)}".TrimEnd());
        }

        return table.ToString();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var said = false;
        await foreach (var change in notifications.WatchAsync(stoppingToken))
        {
            _states[change.ResourceId] = change;
            if (said || !IsReady) continue;

            said = true;
            await Console.Out.WriteLineAsync(await ReadyAsync(stoppingToken));
        }
    }

    private async Task<string> ReadyAsync(CancellationToken ct)
    {
        var seconds = Stopwatch.GetElapsedTime(_started).TotalSeconds;
        var text = new StringBuilder().AppendLine(CultureInfo.InvariantCulture, $"ready after {seconds:F1} s");
        foreach (var project in Instances.Where(i => i.Resource is ProjectResource).DistinctBy(i => i.Resource))
        {
            text.AppendLine(
                CultureInfo.InvariantCulture, $"  {project.Resource.Name,-10} {Address(project.Snapshot)}/swagger");
        }

        if (await dashboard.FindAsync(ct) is { } found)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {"dashboard",-10} {found.Login}");
        }

        return text.Append("Ctrl+C stops it all; ./shop demo makes a purchase.").ToString();
    }

    private bool IsHealthy(IResource resource)
    {
        var instances = _states.Values.Where(s => s.Resource == resource).ToArray();
        return instances.Length > 0 && instances.All(i => i.Snapshot.IsHidden)
            || instances.Length >= resource.GetReplicaCount()
            && instances.All(i => i.Snapshot.HealthStatus == HealthStatus.Healthy);
    }

    // Parameters, and connection strings to servers that run anyway, are values: they have no life to watch.
    private static bool HasLifetime(IResource resource) =>
        resource is ContainerResource or ProjectResource or ExecutableResource or IResourceWithParent;

    private static string State(CustomResourceSnapshot snapshot) =>
        snapshot switch
        {
            { State: null } => "Unknown",
            { HealthStatus: HealthStatus.Unhealthy or HealthStatus.Degraded } =>
                $"{snapshot.State.Text} ({snapshot.HealthStatus})",
            { ExitCode: { } code } when snapshot.State.Text != KnownResourceStates.Running =>
                $"{snapshot.State.Text} ({code})",
            _ => snapshot.State.Text,
        };

    private static string Address(CustomResourceSnapshot snapshot) =>
        snapshot.Urls.FirstOrDefault(u => !u.IsInternal)?.Url.TrimEnd('/') ?? "";
}
