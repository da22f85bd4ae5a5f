using System.Collections.Immutable;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Eventing;
using Microsoft.Extensions.Logging;

namespace Aspire.Hosting.Orchestration;

/// <summary>What every instance needs of the host.</summary>
internal sealed record ProcessServices(
    ProcessGuardian Guardian,
    ResourceEnvironment Environment,
    ResourceNotificationService Notifications,
    ResourceLoggerService Loggers,
    IDistributedApplicationEventing Eventing,
    IServiceProvider Services,
    TimeProvider Clock);

/// <summary>One replica of a project, or one executable: started, stopped and watched here and nowhere else.</summary>
internal sealed class ProcessInstance(
    IResource resource,
    string id,
    IReadOnlyDictionary<EndpointAnnotation, int> ports,
    IReadOnlyDictionary<EndpointAnnotation, ConnectionBalancer> balancers,
    ProcessServices host) : IDisposable
{
    // A service has only requests to finish; a server that keeps data may have to write much of it first.
    private static readonly TimeSpan ServiceGrace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ServerGrace = TimeSpan.FromSeconds(20);

    private readonly SemaphoreSlim _gate = new(1);
    private ChildProcess? _child;
    private Task _watching = Task.CompletedTask;

    public string Id => id;

    public IResource Resource => resource;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_child is not null) return;

            await LaunchAsync(cancellationToken);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            host.Loggers.GetLogger(id).LogError(failure, "{Resource} could not be started", resource.Name);
            await PublishAsync(
                s => s with { State = new(KnownResourceStates.FailedToStart, KnownResourceStateStyles.Error) });
            throw;
        }
        finally
        {
            _gate.Release();
        }
    }

    public async Task StopAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (_child is null) return;

            await PublishAsync(s => s with { State = KnownResourceStates.Stopping });
            await _child.StopAsync(resource is ProjectResource ? ServiceGrace : ServerGrace);
            await _watching;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async Task LaunchAsync(CancellationToken cancellationToken)
    {
        await PublishAsync(s => s with { State = KnownResourceStates.Starting, ExitCode = null, StopTimeStamp = null });
        var variables = await host.Environment.VariablesAsync(resource, id, ports, cancellationToken);
        var arguments = await host.Environment.ArgumentsAsync(resource, id, ports, cancellationToken);
        var (program, directory) = resource is ExecutableResource executable
            ? (new[] { Find(executable.Command, executable.WorkingDirectory) }, executable.WorkingDirectory)
            : ProjectCommand();

        cancellationToken.ThrowIfCancellationRequested();
        var child = ChildProcess.Start(
            host.Guardian, [.. program, .. arguments], directory, variables,
            StopSignal.Of(resource),
            (line, isError) => host.Loggers.Write(id, line, isError));
        _child = child;
        foreach (var (endpoint, port) in ports)
        {
            if (balancers.TryGetValue(endpoint, out var balancer)) balancer.Add(port);
        }

        await PublishAsync(s => s with
        {
            State = new(KnownResourceStates.Running, KnownResourceStateStyles.Success),
            StartTimeStamp = host.Clock.GetUtcNow().UtcDateTime,
            Properties = Properties(s, child.Id, program[0], directory, arguments),
            EnvironmentVariables = [.. variables.Select(v => new EnvironmentVariableSnapshot(v.Key, v.Value, true))],
            Urls = [.. Urls()],
        });
        _watching = WatchAsync(child);
    }

    private async Task WatchAsync(ChildProcess child)
    {
        var exitCode = await child.Exited;
        foreach (var (endpoint, port) in ports)
        {
            if (balancers.TryGetValue(endpoint, out var balancer)) balancer.Remove(port);
        }

        var asked = host.Notifications.TryGetCurrentState(id, out var last)
            && last.Snapshot.State?.Text == KnownResourceStates.Stopping;
        if (!asked)
        {
            host.Loggers.GetLogger(id).Log(
                exitCode == 0 ? LogLevel.Information : LogLevel.Error,
                "{Resource} ended by itself with exit code {ExitCode}", resource.Name, exitCode);
        }

        child.Dispose();
        _child = null;

        // By itself and well: finished. By itself and badly: the crash that the table and the dashboard show in red.
        ResourceStateSnapshot state = !asked && exitCode == 0
            ? new(KnownResourceStates.Finished, null)
            : new(KnownResourceStates.Exited, asked ? null : KnownResourceStateStyles.Error);
        await PublishAsync(s => s with
        {
            State = state,
            ExitCode = exitCode,
            StopTimeStamp = host.Clock.GetUtcNow().UtcDateTime,
            Urls = [],
        });
        if (!host.Notifications.TryGetCurrentState(id, out var ended)) return;
        await host.Eventing.PublishAsync(
            new ResourceStoppedEvent(resource, host.Services, ended), CancellationToken.None);
    }

    private Task PublishAsync(Func<CustomResourceSnapshot, CustomResourceSnapshot> change) =>
        host.Notifications.PublishUpdateAsync(resource, id, change);

    private IEnumerable<UrlSnapshot> Urls() =>
        resource.Annotations.OfType<EndpointAnnotation>()
            .Where(e => e.AllocatedEndpoint is not null)
            .Select(e => new UrlSnapshot(e.Name, e.AllocatedEndpoint!.UriString, IsInternal: false));

    private ImmutableArray<ResourcePropertySnapshot> Properties(
        CustomResourceSnapshot before, int processId, string program, string directory, List<string> arguments)
    {
        ResourcePropertySnapshot[] own =
        [
            new(KnownProperties.ExecutablePid, processId),
            new(KnownProperties.ExecutablePath, program),
            new(KnownProperties.ExecutableWorkDir, directory),
            new(KnownProperties.ExecutableArgs, string.Join(' ', arguments)) { IsSensitive = true },
            .. resource.TryGetLastAnnotation<IProjectMetadata>(out var project)
                ? [new ResourcePropertySnapshot(KnownProperties.ProjectPath, project.ProjectPath)]
                : Array.Empty<ResourcePropertySnapshot>(),
        ];
        var kept = before.Properties.Where(p => own.All(o => o.Name != p.Name));
        return [.. kept, .. own];
    }

    // The class that the build wrote also knows the built file; starting that saves the second that `dotnet run` takes.
    private (string[] Program, string Directory) ProjectCommand()
    {
        if (!resource.TryGetLastAnnotation<IProjectMetadata>(out var project))
        {
            throw new DistributedApplicationException($"The project resource '{resource.Name}' has no project.");
        }

        var directory = Path.GetDirectoryName(project.ProjectPath)!;
        var dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? Find("dotnet", directory);
        if (project.GetType().GetProperty("TargetPath")?.GetValue(project) is not string target)
        {
            string[] run = [dotnet, "run", "--no-build", "--no-launch-profile", "--project", project.ProjectPath, "--"];
            return (run, directory);
        }

        return File.Exists(target)
            ? ([dotnet, target], directory)
            : throw new DistributedApplicationException($"{target} is missing: build the solution first.");
    }

    private static string Find(string command, string directory)
    {
        if (command.Contains('/', StringComparison.Ordinal)) return Path.GetFullPath(command, directory);

        var folders = Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator) ?? [];
        return folders.Select(folder => Path.Combine(folder, command)).FirstOrDefault(File.Exists)
            ?? throw new DistributedApplicationException(
                $"The command '{command}' is not on the PATH.");
    }
}
