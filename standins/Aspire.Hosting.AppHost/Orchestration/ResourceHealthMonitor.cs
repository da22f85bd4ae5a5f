using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Eventing;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Aspire.Hosting.Orchestration;

/// <summary>
/// While a resource runs, runs its health checks and publishes what they say; when it is healthy for the first time in
/// this run, calls the ready handlers. Waits go by both.
/// </summary>
internal sealed class ResourceHealthMonitor(
    ResourceNotificationService notifications,
    ResourceLoggerService loggers,
    IDistributedApplicationEventing eventing,
    HealthCheckService checks,
    IHostApplicationLifetime lifetime,
    IServiceProvider services,
    TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPauseUntilHealthy = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PauseWhenHealthy = TimeSpan.FromSeconds(30);

    private readonly Dictionary<IResource, Run> _runs = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // From the first word of stopping on: a server on its way down should not be asked how it is.
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(
            stoppingToken, lifetime.ApplicationStopping);
        try
        {
            await foreach (var change in notifications.WatchAsync(stopping.Token))
            {
                await FollowAsync(change, stopping.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The application ends.
        }
        finally
        {
            foreach (var run in _runs.Values) await run.DisposeAsync();
        }
    }

    // By the order of the changes, not by the states of now: a quick restart is an end and a new run.
    private async Task FollowAsync(ResourceEvent change, CancellationToken stoppingToken)
    {
        var resource = change.Resource;
        if (!IsRunning(change.Snapshot))
        {
            if (!_runs.TryGetValue(resource, out var over) || !over.Instances.Remove(change.ResourceId)) return;
            if (over.Instances.Count > 0) return;

            _runs.Remove(resource);
            await over.DisposeAsync();
        }
        else if (!_runs.TryGetValue(resource, out var run))
        {
            run = new Run(stoppingToken) { Instances = { change.ResourceId } };
            _runs.Add(resource, run);
            run.Task = MonitorAsync(resource, run);
        }
        else if (run.Instances.Add(change.ResourceId))
        {
            run.Wake(); // One more replica has come up.
        }
    }

    private async Task MonitorAsync(IResource resource, Run run)
    {
        var keys = resource.Annotations.OfType<HealthCheckAnnotation>().Select(a => a.Key).ToHashSet();
        var pause = FirstPause;
        Task? ready = null;
        try
        {
            while (true)
            {
                var healthy = keys.Count == 0 || await CheckAsync(resource, keys, run.Token);
                if (healthy)
                {
                    ready ??= eventing.PublishAsync(new ResourceReadyEvent(resource, services), run.Token);
                    await MarkReadyAsync(resource, ready);
                    await ready;
                    if (keys.Count == 0) pause = Timeout.InfiniteTimeSpan;
                    else pause = PauseWhenHealthy;
                }
                else
                {
                    pause = ready is null && pause < LongestPauseUntilHealthy ? pause * 1.5 : LongestPauseUntilHealthy;
                }

                await run.PauseAsync(pause, clock);
            }
        }
        catch (OperationCanceledException) when (run.Token.IsCancellationRequested)
        {
            // It runs no longer.
        }
#pragma warning disable CA1031 // A ready handler is somebody else's code; waits see its failure through the task.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            loggers.GetLogger(resource).LogError(failure, "A handler of the ready event failed");
        }
    }

    private async Task<bool> CheckAsync(IResource resource, HashSet<string> keys, CancellationToken cancellationToken)
    {
        var report = await checks.CheckHealthAsync(r => keys.Contains(r.Name), cancellationToken);
        var now = clock.GetUtcNow().UtcDateTime;
        var reports = report.Entries
            .Select(e => new HealthReportSnapshot(
                e.Key, e.Value.Status, e.Value.Description, e.Value.Exception?.ToString()) { LastRunAt = now })
            .ToArray();
        foreach (var instance in Instances(resource).Where(e => IsRunning(e.Snapshot)))
        {
            await notifications.PublishUpdateAsync(
                resource, instance.ResourceId, s => IsRunning(s) ? s with { HealthReports = [.. reports] } : s);
        }

        return report.Status == HealthStatus.Healthy;
    }

    private async Task MarkReadyAsync(IResource resource, Task handlers)
    {
        foreach (var instance in Instances(resource))
        {
            if (instance.Snapshot.ReadyHandlers is not null || !IsRunning(instance.Snapshot)) continue;

            await notifications.PublishUpdateAsync(
                resource, instance.ResourceId, s => IsRunning(s) ? s with { ReadyHandlers = handlers } : s);
        }
    }

    private ResourceEvent[] Instances(IResource resource) =>
        [.. notifications.CurrentStates.Where(s => s.Resource == resource)];

    private static bool IsRunning(CustomResourceSnapshot snapshot) =>
        snapshot.State?.Text == KnownResourceStates.Running;

    private sealed class Run(CancellationToken stoppingToken) : IAsyncDisposable
    {
        private readonly CancellationTokenSource _end = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        private readonly SemaphoreSlim _woken = new(0);

        public HashSet<string> Instances { get; } = [];

        public Task Task { get; set; } = Task.CompletedTask;

        public CancellationToken Token => _end.Token;

        public void Wake()
        {
            if (_woken.CurrentCount == 0) _woken.Release();
        }

        public async Task PauseAsync(TimeSpan pause, TimeProvider clock)
        {
            using var over = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
            await Task.WhenAny(Task.Delay(pause, clock, over.Token), _woken.WaitAsync(over.Token));
            await over.CancelAsync();
            _end.Token.ThrowIfCancellationRequested();
        }

        public async ValueTask DisposeAsync()
        {
            await _end.CancelAsync();
            await Task;
            _end.Dispose();
            _woken.Dispose();
        }
    }
}
