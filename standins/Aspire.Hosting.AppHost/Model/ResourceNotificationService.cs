using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Aspire.Hosting.ApplicationModel;

public class ResourceEvent(IResource resource, string resourceId, CustomResourceSnapshot snapshot)
{
    public IResource Resource { get; } = resource;
    public string ResourceId { get; } = resourceId;
    public CustomResourceSnapshot Snapshot { get; } = snapshot;
}

/// <summary>
/// The state of every instance of every resource. Whoever runs a resource publishes here; waits, the console, the
/// dashboard and tests read here.
/// </summary>
public class ResourceNotificationService : IDisposable
{
    private readonly ConcurrentDictionary<string, ResourceEvent> _states = new();
    private readonly List<ChannelWriter<ResourceEvent>> _watchers = [];
    private readonly CancellationTokenSource _disposing = new();
    private readonly Lock _gate = new();
    private readonly IServiceProvider _services;
    private readonly WaitBehavior _defaultWaitBehavior;

    internal ResourceNotificationService(IServiceProvider services, WaitBehavior defaultWaitBehavior)
    {
        _services = services;
        _defaultWaitBehavior = defaultWaitBehavior;
    }

    public Task PublishUpdateAsync(
        IResource resource, Func<CustomResourceSnapshot, CustomResourceSnapshot> stateFactory)
    {
        foreach (var id in resource.InstanceIds()) Publish(resource, id, stateFactory);
        return Task.CompletedTask;
    }

    public Task PublishUpdateAsync(
        IResource resource, string resourceId, Func<CustomResourceSnapshot, CustomResourceSnapshot> stateFactory)
    {
        Publish(resource, resourceId, stateFactory);
        return Task.CompletedTask;
    }

    /// <summary>Every state known now, then every change.</summary>
    public async IAsyncEnumerable<ResourceEvent> WatchAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var channel = Channel.CreateUnbounded<ResourceEvent>();
        lock (_gate)
        {
            foreach (var state in _states.Values) channel.Writer.TryWrite(state);
            _watchers.Add(channel.Writer);
        }

        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposing.Token);
            await foreach (var change in channel.Reader.ReadAllAsync(either.Token)) yield return change;
        }
        finally
        {
            lock (_gate) _watchers.Remove(channel.Writer);
        }
    }

    public bool TryGetCurrentState(string resourceId, [NotNullWhen(true)] out ResourceEvent? resourceEvent)
    {
        if (_states.TryGetValue(resourceId, out resourceEvent)) return true;

        // A name stands for its instance only while there is one.
        var named = _states.Values.Where(s => Named(s, resourceId)).Take(2).ToArray();
        resourceEvent = named.Length == 1 ? named[0] : null;
        return resourceEvent is not null;
    }

    public Task WaitForResourceAsync(
        string resourceName, string? targetState = null, CancellationToken cancellationToken = default) =>
        WaitForResourceAsync(resourceName, [targetState ?? KnownResourceStates.Running], cancellationToken);

    public async Task<string> WaitForResourceAsync(
        string resourceName, IEnumerable<string> targetStates, CancellationToken cancellationToken = default)
    {
        var targets = targetStates.ToHashSet(StringComparer.OrdinalIgnoreCase);
        var found = await WaitForResourceAsync(
            resourceName, e => e.Snapshot.State is { } state && targets.Contains(state.Text), cancellationToken);
        return found.Snapshot.State!.Text;
    }

    public async Task<ResourceEvent> WaitForResourceAsync(
        string resourceName, Func<ResourceEvent, bool> predicate, CancellationToken cancellationToken = default)
    {
        await foreach (var change in WatchAsync(cancellationToken))
        {
            if (Named(change, resourceName) && predicate(change)) return change;
        }

        throw new OperationCanceledException($"The application ended before '{resourceName}' got there.");
    }

    public Task<ResourceEvent> WaitForResourceHealthyAsync(
        string resourceName, CancellationToken cancellationToken = default) =>
        WaitForResourceHealthyAsync(resourceName, _defaultWaitBehavior, cancellationToken);

    /// <summary>Waits until an instance runs, its checks pass and its ready handlers are through.</summary>
    public async Task<ResourceEvent> WaitForResourceHealthyAsync(
        string resourceName, WaitBehavior waitBehavior, CancellationToken cancellationToken = default)
    {
        var reached = await WaitForResourceAsync(
            resourceName, e => IsReady(e) || Stops(waitBehavior, e), cancellationToken);
        if (reached.Snapshot.ReadyHandlers is null) throw Unavailable(reached);

        await reached.Snapshot.ReadyHandlers.WaitAsync(cancellationToken);
        return reached;
    }

    public async Task WaitForDependenciesAsync(IResource resource, CancellationToken cancellationToken)
    {
        var waits = resource.Annotations.OfType<WaitAnnotation>();
        await Task.WhenAll(waits.Select(wait => WaitForDependencyAsync(wait, cancellationToken)));
    }

    public void Dispose()
    {
        _disposing.Cancel();
        GC.SuppressFinalize(this);
    }

    internal static bool IsReady(ResourceEvent e) =>
        e.Snapshot is { HealthStatus: HealthStatus.Healthy, ReadyHandlers: not null };

    internal IReadOnlyCollection<ResourceEvent> CurrentStates => [.. _states.Values];

    private static bool Named(ResourceEvent e, string name) =>
        string.Equals(e.Resource.Name, name, StringComparison.OrdinalIgnoreCase) || e.ResourceId == name;

    private async Task WaitForDependencyAsync(WaitAnnotation wait, CancellationToken cancellationToken)
    {
        var name = wait.Resource.Name;
        foreach (var id in wait.Resource.InstanceIds())
        {
            var reached = await WaitForResourceAsync(
                name,
                e => e.ResourceId == id && (Reached(wait, e) || Stops(_defaultWaitBehavior, e)),
                cancellationToken);
            var wrongEnd = wait.WaitType == WaitType.WaitForCompletion && reached.Snapshot.ExitCode != wait.ExitCode;
            if (wrongEnd || !Reached(wait, reached)) throw Unavailable(reached);

            if (reached.Snapshot.ReadyHandlers is { } handlers) await handlers.WaitAsync(cancellationToken);
        }
    }

    private static bool Reached(WaitAnnotation wait, ResourceEvent e) => wait.WaitType switch
    {
        WaitType.WaitForCompletion => KnownResourceStates.TerminalStates.Contains(e.Snapshot.State?.Text),
        WaitType.WaitUntilStarted => e.Snapshot.State?.Text == KnownResourceStates.Running,
        _ => IsReady(e),
    };

    // With a dashboard at hand somebody may start it again; without one, waiting on would be waiting for ever.
    private static bool Stops(WaitBehavior behavior, ResourceEvent e) =>
        behavior == WaitBehavior.StopOnResourceUnavailable && e.Snapshot.State?.Text is { } state
        && (KnownResourceStates.TerminalStates.Contains(state) || state == KnownResourceStates.RuntimeUnhealthy);

    private static DistributedApplicationException Unavailable(ResourceEvent e) =>
        new($"Stopped waiting for resource '{e.Resource.Name}': it is {e.Snapshot.State?.Text}"
            + (e.Snapshot.ExitCode is { } code ? $" with exit code {code}." : "."));

    private void Publish(
        IResource resource, string id, Func<CustomResourceSnapshot, CustomResourceSnapshot> stateFactory)
    {
        lock (_gate)
        {
            var before = _states.TryGetValue(id, out var known) ? known.Snapshot : Initial(resource);
            var next = stateFactory(before);

            // Ready belongs to one run: what stopped has to become ready again.
            if (next.State?.Text != KnownResourceStates.Running) next = next with { ReadyHandlers = null };
            next = next with { Commands = Commands(resource, next) };

            var change = new ResourceEvent(resource, id, next);
            _states[id] = change;
            foreach (var watcher in _watchers) watcher.TryWrite(change);
        }
    }

    private static CustomResourceSnapshot Initial(IResource resource)
    {
        var initial = resource.TryGetLastAnnotation<ResourceSnapshotAnnotation>(out var annotation)
            ? annotation.InitialSnapshot
            : new CustomResourceSnapshot { ResourceType = TypeName(resource), Properties = [] };
        var parents = resource is IResourceWithParent child
            ? [new RelationshipSnapshot(child.Parent.Name, "Parent")]
            : Array.Empty<RelationshipSnapshot>();
        var others = resource.Annotations.OfType<ResourceRelationshipAnnotation>()
            .Select(r => new RelationshipSnapshot(r.Resource.Name, r.Type));
        var checks = resource.Annotations.OfType<HealthCheckAnnotation>()
            .Select(c => new HealthReportSnapshot(c.Key, null, null, null));
        return initial with { Relationships = [.. parents, .. others], HealthReports = [.. checks] };
    }

    private static string TypeName(IResource resource) => resource switch
    {
        ProjectResource => "Project",
        ExecutableResource => "Executable",
        ParameterResource => "Parameter",
        _ when resource.HasAnnotationOfType<ContainerImageAnnotation>() => "Container",
        _ => resource.GetType().Name.Replace("Resource", "", StringComparison.Ordinal),
    };

    private ImmutableArray<ResourceCommandSnapshot> Commands(
        IResource resource, CustomResourceSnapshot snapshot)
    {
        var context = new UpdateCommandStateContext { ResourceSnapshot = snapshot, ServiceProvider = _services };
        return
        [
            .. resource.Annotations.OfType<ResourceCommandAnnotation>().Select(c => new ResourceCommandSnapshot(
                c.Name, c.UpdateState(context), c.DisplayName, c.DisplayDescription, c.Parameter,
                c.ConfirmationMessage, c.IconName, c.IconVariant, c.IsHighlighted)),
        ];
    }
}
