using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Shop.AppHost.Infrastructure;

/// <summary>One server as a process: what to start, and what has to be there before it starts.</summary>
internal sealed record NativeServer(
    string Command, string Folder, string[] Arguments, Func<ILogger, CancellationToken, Task> PrepareAsync)
{
    public (string Name, string Value)[] Environment { get; init; } = [];
}

internal static class NativeServerExtensions
{
    // Below the range that the system hands out to outgoing connections, which could take a port before the server.
    private const int FirstPort = 20_000;
    private const int LastPort = 32_000;

    private static readonly ConcurrentBag<FileStream> Held = [];

    /// <summary>
    /// Runs a container resource as a process instead. Everything else of the resource stays: connection string, health
    /// check, databases. Only a container passes its state on by itself, so the process does it here.
    /// </summary>
    public static IResourceBuilder<T> RunAsProcess<T>(this IResourceBuilder<T> server, Func<int, NativeServer> create)
        where T : ContainerResource, IResourceWithConnectionString
    {
        var builder = server.ApplicationBuilder;
        if (!builder.ExecutionContext.IsRunMode) return server;

        var port = TakePort();
        var native = create(port);
        foreach (var image in server.Resource.Annotations.OfType<ContainerImageAnnotation>().ToArray())
        {
            server.Resource.Annotations.Remove(image);
        }

        server.WithEndpoint("tcp", endpoint =>
        {
            endpoint.Port = port;
            endpoint.TargetPort = port;
            endpoint.IsProxied = false;
            endpoint.AllocatedEndpoint = new AllocatedEndpoint(endpoint, "127.0.0.1", port);
        });

        var announced = false;
        builder.AddExecutable($"{server.Resource.Name}-process", native.Command, native.Folder, native.Arguments)
            .WithParentRelationship(server)
            .WithEnvironment(context =>
            {
                foreach (var (name, value) in native.Environment) context.EnvironmentVariables[name] = value;
            })
            .OnBeforeResourceStarted(async (process, started, ct) =>
            {
                var logger = started.Services.GetRequiredService<ResourceLoggerService>().GetLogger(process);
                await native.PrepareAsync(logger, ct);
                if (announced) return; // A restart keeps its port and password.

                announced = true;
                foreach (var resource in Family(builder, server.Resource).OfType<IResourceWithConnectionString>())
                {
                    await builder.Eventing.PublishAsync(
                        new ConnectionStringAvailableEvent(resource, started.Services), ct);
                }
            })
            .OnResourceReady((_, ready, _) =>
                PublishAsync([server.Resource], ready.Services, KnownResourceStates.Running))
            .OnResourceStopped((_, stopped, _) =>
                PublishAsync(Family(builder, server.Resource), stopped.Services, KnownResourceStates.Exited));

        // The databases are created when the server is ready; asking for them earlier only fills its log.
        return server.OnResourceReady((_, ready, _) =>
            PublishAsync(Family(builder, server.Resource).Skip(1), ready.Services, KnownResourceStates.Running));
    }

    private static IEnumerable<IResource> Family(IDistributedApplicationBuilder builder, IResource server) =>
        builder.Resources.OfType<IResourceWithParent>().Where(r => r.Parent == server).Prepend(server);

    private static async Task PublishAsync(IEnumerable<IResource> resources, IServiceProvider services, string state)
    {
        var notifications = services.GetRequiredService<ResourceNotificationService>();
        foreach (var resource in resources)
        {
            await notifications.PublishUpdateAsync(resource, s => s with { State = state });
        }
    }

    /// <summary>
    /// A port for a server that binds later, held by a file that this process keeps locked to its end. Whoever takes
    /// ports for the services looks into the same folder: nobody gives away what another holds.
    /// </summary>
    private static int TakePort()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"shop-ports-{Environment.UserName}"));
        for (var attempt = 0; ; attempt++)
        {
            var port = RandomNumberGenerator.GetInt32(FirstPort, LastPort);
            FileStream? file = null;
            try
            {
                file = new FileStream(
                    Path.Combine(folder.FullName, $"{port}"),
                    FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                Held.Add(file);
                return port;
            }
            catch (Exception e) when (e is IOException or SocketException && attempt < 100)
            {
                file?.Dispose(); // Somebody has it; any other will do.
            }
        }
    }
}
