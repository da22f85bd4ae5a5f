using System.Collections.Concurrent;
using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting.Eventing
{
    public interface IDistributedApplicationEvent;

    public interface IDistributedApplicationResourceEvent : IDistributedApplicationEvent
    {
        IResource Resource { get; }
    }

    public class DistributedApplicationEventSubscription(
        Func<IDistributedApplicationEvent, CancellationToken, Task> callback)
    {
        public Func<IDistributedApplicationEvent, CancellationToken, Task> Callback { get; } = callback;
    }

    public interface IDistributedApplicationEventing
    {
        DistributedApplicationEventSubscription Subscribe<T>(Func<T, CancellationToken, Task> callback)
            where T : IDistributedApplicationEvent;

        DistributedApplicationEventSubscription Subscribe<T>(
            IResource resource, Func<T, CancellationToken, Task> callback)
            where T : IDistributedApplicationResourceEvent;

        void Unsubscribe(DistributedApplicationEventSubscription subscription);

        Task PublishAsync<T>(T @event, CancellationToken cancellationToken = default)
            where T : IDistributedApplicationEvent;
    }

    /// <summary>Calls the handlers of an event one after the other, in the order in which they subscribed.</summary>
    internal sealed class DistributedApplicationEventing : IDistributedApplicationEventing
    {
        private readonly ConcurrentDictionary<Type, List<DistributedApplicationEventSubscription>> _handlers = new();

        public DistributedApplicationEventSubscription Subscribe<T>(Func<T, CancellationToken, Task> callback)
            where T : IDistributedApplicationEvent
        {
            var subscription = new DistributedApplicationEventSubscription((e, ct) => callback((T)e, ct));
            var handlers = _handlers.GetOrAdd(typeof(T), _ => []);
            lock (handlers) handlers.Add(subscription);
            return subscription;
        }

        public DistributedApplicationEventSubscription Subscribe<T>(
            IResource resource, Func<T, CancellationToken, Task> callback)
            where T : IDistributedApplicationResourceEvent =>
            Subscribe<T>((e, ct) => e.Resource == resource ? callback(e, ct) : Task.CompletedTask);

        public void Unsubscribe(DistributedApplicationEventSubscription subscription)
        {
            foreach (var handlers in _handlers.Values)
            {
                lock (handlers) handlers.Remove(subscription);
            }
        }

        public async Task PublishAsync<T>(T @event, CancellationToken cancellationToken = default)
            where T : IDistributedApplicationEvent
        {
            if (!_handlers.TryGetValue(typeof(T), out var handlers)) return;

            DistributedApplicationEventSubscription[] now;
            lock (handlers) now = [.. handlers];
            foreach (var handler in now) await handler.Callback(@event, cancellationToken);
        }
    }
}

namespace Aspire.Hosting.ApplicationModel
{
    using Aspire.Hosting.Eventing;

    public class BeforeStartEvent(IServiceProvider services, DistributedApplicationModel model)
        : IDistributedApplicationEvent
    {
        public IServiceProvider Services { get; } = services;
        public DistributedApplicationModel Model { get; } = model;
    }

    public class AfterResourcesCreatedEvent(IServiceProvider services, DistributedApplicationModel model)
        : IDistributedApplicationEvent
    {
        public IServiceProvider Services { get; } = services;
        public DistributedApplicationModel Model { get; } = model;
    }

    public class InitializeResourceEvent(
        IResource resource,
        IDistributedApplicationEventing eventing,
        ResourceLoggerService logger,
        ResourceNotificationService notifications,
        IServiceProvider services) : IDistributedApplicationResourceEvent
    {
        public IResource Resource { get; } = resource;
        public IDistributedApplicationEventing Eventing { get; } = eventing;
        public Microsoft.Extensions.Logging.ILogger Logger { get; } = logger.GetLogger(resource);
        public ResourceNotificationService Notifications { get; } = notifications;
        public IServiceProvider Services { get; } = services;
    }

    public class ResourceEndpointsAllocatedEvent(IResource resource, IServiceProvider services)
        : IDistributedApplicationResourceEvent
    {
        public IResource Resource { get; } = resource;
        public IServiceProvider Services { get; } = services;
    }

    public class ConnectionStringAvailableEvent(IResource resource, IServiceProvider services)
        : IDistributedApplicationResourceEvent
    {
        public IResource Resource { get; } = resource;
        public IServiceProvider Services { get; } = services;
    }

    public class BeforeResourceStartedEvent(IResource resource, IServiceProvider services)
        : IDistributedApplicationResourceEvent
    {
        public IResource Resource { get; } = resource;
        public IServiceProvider Services { get; } = services;
    }

    public class ResourceReadyEvent(IResource resource, IServiceProvider services)
        : IDistributedApplicationResourceEvent
    {
        public IResource Resource { get; } = resource;
        public IServiceProvider Services { get; } = services;
    }

    public class ResourceStoppedEvent(IResource resource, IServiceProvider services, ResourceEvent resourceEvent)
        : IDistributedApplicationResourceEvent
    {
        public IResource Resource { get; } = resource;
        public IServiceProvider Services { get; } = services;
        public ResourceEvent ResourceEvent { get; } = resourceEvent;
    }
}
