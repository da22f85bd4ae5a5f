using Microsoft.Extensions.Configuration;
using Shop.AppHost.Control;

namespace Shop.AppHost;

/// <summary>What all services have in common, so that AppHost.cs says only what sets them apart.</summary>
internal static class Services
{
    /// <summary>
    /// A project that is healthy when /health answers, can be killed on purpose, and gets every configuration key of
    /// the AppHost under <c>Shop:</c> without that prefix: <c>Shop:Orders:TtlSeconds=2</c> is its
    /// <c>Orders:TtlSeconds</c>.
    /// </summary>
    public static IResourceBuilder<ProjectResource> AddService<TProject>(
        this IDistributedApplicationBuilder builder, string name)
        where TProject : IProjectMetadata, new() =>
        builder.AddProject<TProject>(name)
            .WithHttpHealthCheck("/health")
            .WithKillCommand()
            .WithEnvironment(context =>
            {
                var settings = builder.Configuration.GetSection("Shop").AsEnumerable(makePathsRelative: true);
                foreach (var (key, value) in settings)
                {
                    if (value is not null) context.EnvironmentVariables[key.Replace(":", "__")] = value;
                }
            });

    /// <summary>Lets a service get tokens of its own: it knows its secret, and Identity knows it too.</summary>
    public static IResourceBuilder<ProjectResource> SignsInAt(
        this IResourceBuilder<ProjectResource> service, IResourceBuilder<ProjectResource> identity)
    {
        var id = service.Resource.Name;
        var secret = service.ApplicationBuilder.AddSecret($"{id}-client-secret");
        identity.WithEnvironment($"Clients__{id}__Secret", secret);
        return service
            .WithReference(identity)
            .WithEnvironment("ServiceClient__Id", id)
            .WithEnvironment("ServiceClient__Secret", secret);
    }

    /// <summary>
    /// Gives a service the secret that it encrypts under. To replace it, keep the old value as the parameter of the
    /// same name with <c>former-</c> before it until the service's log says that everything is sealed anew.
    /// </summary>
    public static IResourceBuilder<ProjectResource> SealsUnder(
        this IResourceBuilder<ProjectResource> service, string secret, string section)
    {
        var builder = service.ApplicationBuilder;
        service.WithEnvironment($"{section}__KeyEncryptionKey", builder.AddSecret(secret));
        return builder.Configuration[$"Parameters:former-{secret}"] is null
            ? service
            : service.WithEnvironment(
                $"{section}__FormerKeyEncryptionKeys__0", builder.AddParameter($"former-{secret}", secret: true));
    }

    public static IResourceBuilder<ParameterResource> AddSecret(
        this IDistributedApplicationBuilder builder, string name) =>
        builder.AddParameter(
            name, new GenerateParameterDefault { MinLength = 32, Special = false }, secret: true, persist: true);
}
