using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.DependencyInjection;

namespace Aspire.Hosting.Testing;

/// <summary>What a test asks a running application for, by the names of its resources.</summary>
public static class DistributedApplicationHostingTestingExtensions
{
    public static HttpClient CreateHttpClient(
        this DistributedApplication app, string resourceName, string? endpointName = default) =>
        new() { BaseAddress = app.GetEndpoint(resourceName, endpointName) };

    public static Uri GetEndpoint(this DistributedApplication app, string resourceName, string? endpointName = default)
    {
        var resource = app.Find<IResourceWithEndpoints>(resourceName);
        var endpoint = endpointName is null
            ? resource.GetEndpoints().FirstOrDefault(e => e.EndpointName is "http" or "https")
            : resource.GetEndpoints().FirstOrDefault(e => e.EndpointName == endpointName);
        return endpoint is null
            ? throw new ArgumentException($"Endpoint '{endpointName}' for resource '{resourceName}' not found.")
            : new Uri(endpoint.Url);
    }

    public static async ValueTask<string?> GetConnectionStringAsync(
        this DistributedApplication app, string resourceName, CancellationToken cancellationToken = default)
    {
        var resource = app.Find<IResource>(resourceName);
        return resource is ParameterResource { IsConnectionString: true } parameter
            ? await parameter.GetValueAsync(cancellationToken)
            : await app.Find<IResourceWithConnectionString>(resourceName).GetConnectionStringAsync(cancellationToken);
    }

    private static T Find<T>(this DistributedApplication app, string name) where T : class, IResource
    {
        var model = app.Services.GetRequiredService<DistributedApplicationModel>();
        var resource = model.Resources.SingleOrDefault(
            r => string.Equals(r.Name, name, StringComparison.OrdinalIgnoreCase));
        return resource as T ?? throw new ArgumentException($"Resource '{name}' not found, or not of that kind.");
    }
}
