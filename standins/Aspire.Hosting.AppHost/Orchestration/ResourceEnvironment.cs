using System.Globalization;
using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;

namespace Aspire.Hosting.Orchestration;

/// <summary>Works out the variables and arguments of one instance, as the original host gives them.</summary>
internal sealed class ResourceEnvironment(
    IConfiguration configuration,
    IHostEnvironment environment,
    HostSettings settings,
    DistributedApplicationExecutionContext execution,
    ResourceLoggerService loggers)
{
    public async Task<Dictionary<string, string>> VariablesAsync(
        IResource resource,
        string instanceId,
        IReadOnlyDictionary<EndpointAnnotation, int> ports,
        CancellationToken cancellationToken)
    {
        InstancePorts.Use(ports);
        var variables = new Dictionary<string, object>();
        if (resource is ProjectResource) AddProjectVariables(variables, resource, instanceId, ports);
        foreach (var (endpoint, port) in ports)
        {
            if (endpoint.TargetPortEnvironmentVariable is { } name) variables[name] = $"{port}";
        }

        var context = new EnvironmentCallbackContext(execution, resource, variables, cancellationToken)
        {
            Logger = loggers.GetLogger(instanceId),
        };
        foreach (var annotation in resource.Annotations.OfType<EnvironmentCallbackAnnotation>().ToArray())
        {
            await annotation.Callback(context);
        }

        var resolved = new Dictionary<string, string>();
        foreach (var (name, value) in variables)
        {
            if (await ResolveAsync(value, cancellationToken) is { } text) resolved[name] = text;
        }

        return resolved;
    }

    public async Task<List<string>> ArgumentsAsync(
        IResource resource,
        string instanceId,
        IReadOnlyDictionary<EndpointAnnotation, int> ports,
        CancellationToken cancellationToken)
    {
        InstancePorts.Use(ports);
        var arguments = new List<object>();
        var context = new CommandLineArgsCallbackContext(arguments, resource, cancellationToken)
        {
            Logger = loggers.GetLogger(instanceId),
            ExecutionContext = execution,
        };
        foreach (var annotation in resource.Annotations.OfType<CommandLineArgsCallbackAnnotation>().ToArray())
        {
            await annotation.Callback(context);
        }

        var resolved = new List<string>();
        foreach (var argument in arguments)
        {
            if (await ResolveAsync(argument, cancellationToken) is { } text) resolved.Add(text);
        }

        return resolved;
    }

    private void AddProjectVariables(
        Dictionary<string, object> variables,
        IResource resource,
        string instanceId,
        IReadOnlyDictionary<EndpointAnnotation, int> ports)
    {
        var urls = ports.Where(p => p.Key.UriScheme is "http" or "https")
            .Select(p => $"{p.Key.UriScheme}://localhost:{p.Value}");
        variables["ASPNETCORE_URLS"] = string.Join(';', urls);
        variables["LOGGING__CONSOLE__FORMATTERNAME"] = "simple";

        // Each watcher is one of the 128 that a Linux user has by default; several applications under test use them up.
        if (settings.IsTest) variables["DOTNET_HOSTBUILDER__RELOADCONFIGONCHANGE"] = "false";

        variables["OTEL_SERVICE_NAME"] = resource.Name;
        variables["OTEL_RESOURCE_ATTRIBUTES"] = $"service.instance.id={instanceId[(resource.Name.Length + 1)..]}";

        // Without a receiver nothing is set, else every service would try in vain to reach one.
        var receiver = configuration["ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL"]
            ?? configuration["DOTNET_DASHBOARD_OTLP_ENDPOINT_URL"];
        if (receiver is null) return;

        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver;
        variables["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc";
        variables["OTEL_EXPORTER_OTLP_HEADERS"] = $"x-otlp-api-key={configuration["AppHost:OtlpApiKey"]}";
        if (!environment.IsDevelopment()) return;

        // A developer looks at once, and at everything.
        variables["OTEL_BLRP_SCHEDULE_DELAY"] = "1000";
        variables["OTEL_BSP_SCHEDULE_DELAY"] = "1000";
        variables["OTEL_METRIC_EXPORT_INTERVAL"] = "1000";
        variables["OTEL_TRACES_SAMPLER"] = "always_on";
        variables["OTEL_METRICS_EXEMPLAR_FILTER"] = "trace_based";
    }

    private static async Task<string?> ResolveAsync(object value, CancellationToken cancellationToken) => value switch
    {
        string text => text,
        IResourceBuilder<IResource> { Resource: IValueProvider provider } =>
            await provider.GetValueAsync(cancellationToken),
        IValueProvider provider => await provider.GetValueAsync(cancellationToken),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture),
    };
}
