using System.Net.Sockets;
using System.Security.Cryptography;
using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Aspire.Hosting.Orchestration;

/// <summary>
/// Brings the model to life in the order of the original: endpoints get addresses, every resource is announced, each
/// starts as soon as what it waits for is ready. Takes it down the other way round.
/// </summary>
internal sealed class ApplicationOrchestrator(
    DistributedApplicationModel model,
    ProcessServices host,
    HostSettings settings,
    PortReservations portReservations,
    ILogger<ApplicationOrchestrator> logger) : IHostedService, IAsyncDisposable
{
    private const int SuffixLength = 8;
    private const string SuffixLetters = "abcdefghjkmnpqrstuvwxyz";

    private readonly CancellationTokenSource _stopping = new();
    private readonly Dictionary<EndpointAnnotation, ConnectionBalancer> _balancers = [];
    private readonly List<ProcessInstance> _instances = [];
    private Task _starting = Task.CompletedTask;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await host.Eventing.PublishAsync(new BeforeStartEvent(host.Services, model), cancellationToken);
        foreach (var resource in model.Resources.Where(r => r.IsProcess()))
        {
            Identify(resource);
            this.AddLifecycleCommands(resource);
        }

        foreach (var resource in model.Resources)
        {
            await host.Notifications.PublishUpdateAsync(
                resource, s => s with { CreationTimeStamp = host.Clock.GetUtcNow().UtcDateTime });
        }

        foreach (var resource in model.Resources.ToArray())
        {
            if (!Allocate(resource)) continue;
            await host.Eventing.PublishAsync(
                new ResourceEndpointsAllocatedEvent(resource, host.Services), cancellationToken);
        }

        foreach (var resource in model.Resources.ToArray())
        {
            await host.Eventing.PublishAsync(
                new InitializeResourceEvent(resource, host.Eventing, host.Loggers, host.Notifications, host.Services),
                cancellationToken);
        }

        // Not awaited: what waits for another resource may wait for long, and the caller watches the states meanwhile.
        _starting = StartAllAsync();
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_stopping.IsCancellationRequested) return;

        await _stopping.CancelAsync();
        await _starting;

        // Who waits for others goes before them, projects before what they keep their data in.
        var waves = _instances.GroupBy(i => i.Resource is ProjectResource ? 1 + Depth(i.Resource, []) : 0)
            .OrderByDescending(wave => wave.Key);
        foreach (var wave in waves) await Task.WhenAll(wave.Select(i => i.StopAsync()));
    }

    // Registered as itself and as a hosted service, so the container disposes it twice.
    public async ValueTask DisposeAsync()
    {
        foreach (var balancer in _balancers.Values) await balancer.DisposeAsync();
        foreach (var instance in _instances) instance.Dispose();
        _balancers.Clear();
        _instances.Clear();
        _stopping.Dispose();
    }

    public ProcessInstance Instance(string id) => _instances.Single(i => i.Id == id);

    /// <summary>A start by command: at once, since whoever asks for it has seen the states.</summary>
    public async Task StartInstanceAsync(string id, CancellationToken cancellationToken)
    {
        // A process started now would outlive the stop that is under way.
        _stopping.Token.ThrowIfCancellationRequested();
        var instance = Instance(id);
        await host.Eventing.PublishAsync(
            new BeforeResourceStartedEvent(instance.Resource, host.Services), cancellationToken);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        await instance.StartAsync(either.Token);
    }

    private async Task StartAllAsync()
    {
        await Task.WhenAll(model.Resources.ToArray().Select(StartGuardedAsync));
        if (_stopping.IsCancellationRequested) return;

        try
        {
            await host.Eventing.PublishAsync(new AfterResourcesCreatedEvent(host.Services, model), _stopping.Token);
        }
        catch (OperationCanceledException)
        {
            // Asked to stop meanwhile.
        }
    }

    private async Task StartGuardedAsync(IResource resource)
    {
        try
        {
            await StartAsync(resource);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Asked to stop before it had started.
        }
#pragma warning disable CA1031 // One resource that fails is shown as failed; the others go on.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            logger.LogError(failure, "The resource {Resource} could not be started", resource.Name);
            host.Loggers.GetLogger(resource).LogError("Could not be started: {Reason}", failure.Message);
            await host.Notifications.PublishUpdateAsync(
                resource,
                s => s with { State = new(KnownResourceStates.FailedToStart, KnownResourceStateStyles.Error) });
        }
    }

    private Task StartAsync(IResource resource)
    {
        if (resource.HasAnnotationOfType<ExplicitStartupAnnotation>())
        {
            return host.Notifications.PublishUpdateAsync(
                resource, s => s with { State = KnownResourceStates.NotStarted });
        }

        if (resource is ParameterResource parameter) return ResolveAsync(parameter);
        if (resource.HasAnnotationOfType<ContainerImageAnnotation>()) return RefuseContainerAsync(resource);

        // What is neither is somebody else's to run: whoever added it publishes its states.
        return resource.IsProcess() ? StartProcessAsync(resource) : Task.CompletedTask;
    }

    private async Task StartProcessAsync(IResource resource)
    {
        if (resource.HasAnnotationOfType<WaitAnnotation>())
        {
            await host.Notifications.PublishUpdateAsync(resource, s => s with { State = KnownResourceStates.Waiting });
            await host.Notifications.WaitForDependenciesAsync(resource, _stopping.Token);
        }

        await host.Eventing.PublishAsync(new BeforeResourceStartedEvent(resource, host.Services), _stopping.Token);
        await Task.WhenAll(_instances.Where(i => i.Resource == resource).Select(i => i.StartAsync(_stopping.Token)));
    }

    private async Task ResolveAsync(ParameterResource parameter)
    {
        try
        {
            var value = await parameter.GetValueAsync(_stopping.Token);
            await host.Eventing.PublishAsync(
                new ConnectionStringAvailableEvent(parameter, host.Services), _stopping.Token);
            await host.Notifications.PublishUpdateAsync(parameter, s => s with
            {
                State = new(KnownResourceStates.Running, KnownResourceStateStyles.Success),
                Properties = [new(KnownProperties.ParameterValue, value) { IsSensitive = parameter.Secret }],
            });
        }
        catch (MissingParameterValueException missing)
        {
            host.Loggers.GetLogger(parameter).LogError("{Reason}", missing.Message);
            await host.Notifications.PublishUpdateAsync(
                parameter,
                s => s with { State = new(KnownResourceStates.ValueMissing, KnownResourceStateStyles.Error) });
        }
    }

    private async Task RefuseContainerAsync(IResource resource)
    {
        host.Loggers.GetLogger(resource).LogError(
            "{Resource} wants a container, and this build has no container engine. Run it as a process, point to a "
            + "running server, or build with -p:StandIns=false where Docker or Podman is installed.",
            resource.Name);
        var family = model.Resources.Where(r => r == resource || (r as IResourceWithParent)?.Parent == resource);
        foreach (var member in family)
        {
            await host.Notifications.PublishUpdateAsync(
                member,
                s => s with { State = new(KnownResourceStates.RuntimeUnhealthy, KnownResourceStateStyles.Error) });
        }
    }

    private static void Identify(IResource resource) =>
        resource.Annotations.Add(new InstancesAnnotation(
        [
            .. Enumerable.Range(0, resource.GetReplicaCount())
                .Select(_ => $"{resource.Name}-{RandomNumberGenerator.GetString(SuffixLetters, SuffixLength)}"),
        ]));

    /// <summary>Gives the resource its addresses; false where it has none, or they are not ours to give.</summary>
    private bool Allocate(IResource resource)
    {
        var endpoints = resource.Annotations.OfType<EndpointAnnotation>().ToArray();
        if (!resource.IsProcess()) return endpoints.Any(e => e.AllocatedEndpoint is not null);

        foreach (var endpoint in endpoints.Where(e => e.AllocatedEndpoint is null))
        {
            var port = endpoint.IsProxied ? Balance(resource, endpoint) : endpoint.Port ?? portReservations.Take();
            endpoint.AllocatedEndpoint = new AllocatedEndpoint(endpoint, endpoint.TargetHost, port);
        }

        foreach (var id in resource.InstanceIds())
        {
            // Replicas can't share a port; one alone keeps the port that it asked for.
            var alone = resource.GetReplicaCount() == 1;
            var ports = endpoints.ToDictionary(e => e, e => !e.IsProxied
                ? e.AllocatedEndpoint!.Port
                : (alone && e.TargetPort is { } wanted ? wanted : portReservations.Take()));
            _instances.Add(new ProcessInstance(resource, id, ports, _balancers, host));
        }

        return endpoints.Length > 0;
    }

    private int Balance(IResource resource, EndpointAnnotation endpoint)
    {
        var port = settings.RandomizePorts ? 0 : endpoint.Port ?? 0;
        try
        {
            return (_balancers[endpoint] = ConnectionBalancer.Listen(port)).Port;
        }
        catch (SocketException taken)
        {
            throw new DistributedApplicationException(
                $"Port {port}, the address of '{resource.Name}', is taken: another run of the application?", taken);
        }
    }

    private static int Depth(IResource resource, HashSet<IResource> seen)
    {
        if (!seen.Add(resource)) return 0;
        var waits = resource.Annotations.OfType<WaitAnnotation>().Select(w => w.Resource);
        return waits.OfType<ProjectResource>().Select(p => 1 + Depth(p, [.. seen])).DefaultIfEmpty(0).Max();
    }
}
