using Microsoft.Extensions.Configuration;

namespace Shop.AppHost.Infrastructure;

internal enum ServerKind
{
    /// <summary>The official container resources, with data volumes.</summary>
    Containers,

    /// <summary>postgres and redis-server as processes of this machine, with a data folder of their own.</summary>
    Native,

    /// <summary>Servers that run anyway, given as connection strings.</summary>
    External,
}

/// <summary>Where PostgreSQL and Redis run. The rest of the AppHost sees connection strings only.</summary>
internal sealed class Servers(
    IResourceBuilder<IResourceWithConnectionString> redis,
    Func<string, IResourceBuilder<IResourceWithConnectionString>> addDatabase)
{
    public IResourceBuilder<IResourceWithConnectionString> Redis => redis;

    public IResourceBuilder<IResourceWithConnectionString> AddDatabase(string name) => addDatabase(name);
}

internal static class ServerExtensions
{
    // Enough for two replicas of every service and a test's own connections, each with a small pool.
    private const string MaxConnections = "300";

    public static Servers AddServers(this IDistributedApplicationBuilder builder) =>
        Kind(builder.Configuration) switch
        {
            ServerKind.Containers => builder.AddContainers(),
            ServerKind.Native => builder.AddNative(),
            _ => new Servers(builder.AddConnectionString("cache"), name => builder.AddConnectionString(name)),
        };

    /// <summary>The configured <c>Infrastructure</c>; else containers where an engine listens, else native.</summary>
    public static ServerKind Kind(IConfiguration configuration) =>
        configuration["Infrastructure"] is { Length: > 0 } chosen
            ? Enum.TryParse<ServerKind>(chosen, ignoreCase: true, out var kind)
                ? kind
                : throw new DistributedApplicationException(
                    $"Infrastructure={chosen} is unknown; choose containers, native or external.")
            : EngineListens(configuration) ? ServerKind.Containers : ServerKind.Native;

    private static bool EngineListens(IConfiguration configuration)
    {
        if (OperatingSystem.IsWindows() || configuration["DOCKER_HOST"] is { Length: > 0 }) return true;

        string?[] folders =
            ["/var/run", "/run", configuration["XDG_RUNTIME_DIR"], $"{configuration["HOME"]}/.docker/run"];
        return folders.OfType<string>()
            .Any(f => File.Exists($"{f}/docker.sock") || File.Exists($"{f}/podman/podman.sock"));
    }

    private static Servers AddContainers(this IDistributedApplicationBuilder builder)
    {
        // A configured data folder asks for data apart from the shop's own, as tests do: no volume outlives them.
        var volume = builder.Configuration["DataVolume"]
            ?? (builder.Configuration["DataFolder"] is null ? "shop" : null);

        var postgres = builder.AddPostgres("postgres").WithArgs("-c", $"max_connections={MaxConnections}");
        var redis = builder.AddCache().WithArgs("--appendonly", "yes", "--appendfsync", "everysec");
        if (volume is not null)
        {
            postgres.WithDataVolume($"{volume}-postgres");
            redis.WithDataVolume($"{volume}-redis");
        }

        return new Servers(redis, name => postgres.AddDatabase(name));
    }

    private static Servers AddNative(this IDistributedApplicationBuilder builder)
    {
        var folder = DataFolder.Of(builder);
        var postgres = builder.AddPostgres("postgres");
        var redis = builder.AddCache();
        postgres.RunAsProcess(port => NativePostgres.Server(
            builder.Configuration, folder, port, MaxConnections, postgres.Resource.PasswordParameter));
        redis.RunAsProcess(port => NativeRedis.Server(
            builder.Configuration, folder, port, redis.Resource.PasswordParameter!));
        return new Servers(redis, name => postgres.AddDatabase(name));
    }

    // With a trusted developer certificate the original would serve TLS, which a native redis-server is not set up for.
    private static IResourceBuilder<RedisResource> AddCache(this IDistributedApplicationBuilder builder) =>
#pragma warning disable ASPIRECERTIFICATES001 // Experimental; the one way to keep Redis on plain TCP.
        builder.AddRedis("cache").WithoutHttpsCertificate();
#pragma warning restore ASPIRECERTIFICATES001
}
