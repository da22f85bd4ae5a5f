using System.Reflection;
using System.Security.Cryptography;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Dashboard;
using Aspire.Hosting.Eventing;
using Aspire.Hosting.Orchestration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Aspire.Hosting;

public sealed class DistributedApplicationOptions
{
    public string[]? Args { get; set; }
    public string? AssemblyName { get; set; }
    public string? ProjectDirectory { get; set; }
    public bool DisableDashboard { get; set; }
    public bool AllowUnsecuredTransport { get; set; }
    public bool EnableResourceLogging { get; set; }
}

public interface IDistributedApplicationBuilder
{
    ConfigurationManager Configuration { get; }
    string AppHostDirectory { get; }
    Assembly? AppHostAssembly { get; }
    IHostEnvironment Environment { get; }
    IServiceCollection Services { get; }
    IDistributedApplicationEventing Eventing { get; }
    DistributedApplicationExecutionContext ExecutionContext { get; }
    IResourceCollection Resources { get; }

    IResourceBuilder<T> AddResource<T>(T resource) where T : IResource;
    IResourceBuilder<T> CreateResourceBuilder<T>(T resource) where T : IResource;
    DistributedApplication Build();
}

public class DistributedApplicationBuilder : IDistributedApplicationBuilder
{
    private readonly HostApplicationBuilder _host;
    private readonly BuilderInterception? _interception = BuilderInterception.Current;

    public DistributedApplicationBuilder(string[] args) : this(new DistributedApplicationOptions { Args = args })
    {
    }

    public DistributedApplicationBuilder(DistributedApplicationOptions options)
    {
        AppHostAssembly = options.AssemblyName is { } name
            ? Assembly.Load(new AssemblyName(name))
            : _interception?.AppHostAssembly ?? Assembly.GetEntryAssembly();
        var settings = new HostApplicationBuilderSettings
        {
            Args = options.Args,
            ApplicationName = AppHostAssembly?.GetName().Name,
            Configuration = new ConfigurationManager(),
        };
        _interception?.Configure(options, settings);
        AppHostDirectory = options.ProjectDirectory ?? ProjectDirectoryOf(AppHostAssembly)
            ?? settings.ContentRootPath ?? Directory.GetCurrentDirectory();
        settings.ContentRootPath ??= AppHostDirectory;

        _host = new HostApplicationBuilder(settings);
        Secrets = UserSecrets.For(AppHostAssembly, _host, ExecutionContext, isTest: _interception is not null);
        AddKeys();
        AddServices(options);
    }

    public ConfigurationManager Configuration => _host.Configuration;
    public string AppHostDirectory { get; }
    public Assembly? AppHostAssembly { get; }
    public IHostEnvironment Environment => _host.Environment;
    public IServiceCollection Services => _host.Services;
    public IDistributedApplicationEventing Eventing { get; } = new DistributedApplicationEventing();
    public IResourceCollection Resources { get; } = new ResourceCollection();
    public DistributedApplicationExecutionContext ExecutionContext { get; } =
        new(DistributedApplicationOperation.Run);

    /// <summary>Where generated parameter values are kept; null in tests, which start from nothing.</summary>
    internal UserSecrets? Secrets { get; }

    public IResourceBuilder<T> AddResource<T>(T resource) where T : IResource
    {
        if (Resources.Any(r => string.Equals(r.Name, resource.Name, StringComparison.OrdinalIgnoreCase)))
        {
            throw new DistributedApplicationException(
                $"Cannot add resource of type '{resource.GetType()}' with name '{resource.Name}' because a resource "
                + "with that name already exists. Resource names are case-insensitive.");
        }

        Resources.Add(resource);
        return CreateResourceBuilder(resource);
    }

    public IResourceBuilder<T> CreateResourceBuilder<T>(T resource) where T : IResource =>
        new ResourceBuilder<T>(this, resource);

    public DistributedApplication Build()
    {
        _interception?.WaitForTest(this);
        var application = new DistributedApplication(_host.Build(), _interception?.Ended);
        ExecutionContext.Services = application.Services;
        _interception?.Built(application);
        return application;
    }

    private static string? ProjectDirectoryOf(Assembly? assembly) =>
        assembly?.GetCustomAttributes<AssemblyMetadataAttribute>()
            .FirstOrDefault(a => a.Key == "apphostprojectpath")?.Value;

    // The keys under which the original keeps them; the dashboard and the services' exporters get the same values.
    private void AddKeys()
    {
        string[] keys = ["AppHost:OtlpApiKey", "AppHost:BrowserToken", "AppHost:ResourceService:ApiKey"];
        Configuration.AddInMemoryCollection(keys.Where(k => Configuration[k] is null).Select(
            k => KeyValuePair.Create(k, (string?)RandomNumberGenerator.GetHexString(32, lowercase: true))).ToArray());
    }

    private void AddServices(DistributedApplicationOptions options)
    {
        Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(60));
        Services.AddLogging(logging => logging
            .AddFilter("Microsoft", LogLevel.Warning)
            .AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None)); // The states tell the same.
        Services.AddHealthChecks();
        Services.AddSingleton(TimeProvider.System);
        Services.AddSingleton(Eventing);
        Services.AddSingleton(ExecutionContext);
        Services.AddSingleton(new DistributedApplicationModel(Resources));
        Services.AddSingleton(options);
        Services.AddSingleton(sp => new ResourceNotificationService(
            sp,
            options.DisableDashboard
                ? WaitBehavior.StopOnResourceUnavailable
                : WaitBehavior.WaitOnResourceUnavailable));
        Services.AddSingleton<ResourceLoggerService>();
        Services.AddSingleton(sp => new ResourceCommandService(
            sp.GetRequiredService<ResourceNotificationService>(), sp.GetRequiredService<ResourceLoggerService>(), sp));
        Services.AddOrchestration(AppHostDirectory, isTest: _interception is not null);
        if (!options.DisableDashboard) this.AddDashboard();
    }

    private sealed class ResourceBuilder<T>(IDistributedApplicationBuilder builder, T resource) : IResourceBuilder<T>
        where T : IResource
    {
        public IDistributedApplicationBuilder ApplicationBuilder => builder;
        public T Resource => resource;

        public IResourceBuilder<T> WithAnnotation<TAnnotation>(
            TAnnotation annotation, ResourceAnnotationMutationBehavior behavior)
            where TAnnotation : IResourceAnnotation
        {
            if (behavior == ResourceAnnotationMutationBehavior.Replace)
            {
                foreach (var earlier in resource.Annotations.OfType<TAnnotation>().ToArray())
                {
                    resource.Annotations.Remove(earlier);
                }
            }

            resource.Annotations.Add(annotation);
            return this;
        }
    }
}
