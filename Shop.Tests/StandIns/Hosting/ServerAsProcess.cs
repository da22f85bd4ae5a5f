using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;

namespace Shop.Tests.StandIns.Hosting;

/// <summary>What an AppHost does to a container resource to run it as a process on the original host.</summary>
internal static class ServerAsProcess
{
    public static IResourceBuilder<T> AsProcess<T>(this IResourceBuilder<T> builder, int port)
        where T : ContainerResource
    {
        builder.Resource.Annotations.Remove(builder.Resource.Annotations.OfType<ContainerImageAnnotation>().Single());
        return builder.WithEndpoint("tcp", endpoint =>
        {
            endpoint.Port = endpoint.TargetPort = port;
            endpoint.IsProxied = false;
            endpoint.AllocatedEndpoint = new AllocatedEndpoint(endpoint, "localhost", port);
        });
    }

    /// <summary>Drives the state of the server, and of what lives on it, by a process below it.</summary>
    public static void DrivenBy<T>(this IResourceBuilder<T> server, IResourceBuilder<ExecutableResource> process)
        where T : ContainerResource, IResourceWithConnectionString
    {
        process.WithParentRelationship(server);
        process.OnBeforeResourceStarted(async (_, e, ct) =>
        {
            var eventing = server.ApplicationBuilder.Eventing;
            foreach (var resource in Family(server))
            {
                await eventing.PublishAsync(new ConnectionStringAvailableEvent(resource, e.Services), ct);
            }
        });
        process.OnResourceReady((_, e, _) => PublishAsync(e.Services, KnownResourceStates.Running));
        process.OnResourceStopped((_, e, _) => PublishAsync(e.Services, KnownResourceStates.Exited));

        async Task PublishAsync(IServiceProvider services, string state)
        {
            var notifications = (ResourceNotificationService)services.GetService(typeof(ResourceNotificationService))!;
            foreach (var resource in Family(server))
            {
                await notifications.PublishUpdateAsync(resource, s => s with { State = state });
            }
        }
    }

    private static IEnumerable<IResource> Family<T>(IResourceBuilder<T> server) where T : ContainerResource =>
        server.ApplicationBuilder.Resources.Where(
            r => r == (IResource)server.Resource || (r as IResourceWithParent)?.Parent == (IResource)server.Resource);
}
