using System.Collections.Concurrent;
using System.Globalization;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Shop.Bench;

/// <summary>The whole shop, one instance of each service, on free ports and with data of its own.</summary>
internal sealed class BenchShop : IAsyncDisposable
{
    private const int PasswordIterations = 1_000;
    private const int RateLimit = 1_000_000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly string _folder;
    private readonly DistributedApplication _app;
    private readonly Collector _collector;
    private readonly ConcurrentDictionary<string, (string Name, int Process)> _processes = new();
    private readonly CancellationTokenSource _stopping = new();
    private Task _watching = Task.CompletedTask;

    private BenchShop(string folder, DistributedApplication app, Collector collector)
    {
        _folder = folder;
        _app = app;
        _collector = collector;
    }

    public Uri Identity => _app.GetEndpoint("identity");
    public Uri Ordering => _app.GetEndpoint("ordering");

    public Uri Payments => _app.GetEndpoint("payments");
    public Uri Workers => _app.GetEndpoint("workers");

    /// <summary>What differs from an ordinary start in every scenario, in words.</summary>
    public static string Settings =>
        $"Production environment; passwords hashed {PasswordIterations} times only; rate limits raised to "
        + $"{RateLimit} a second; {Collector.InWords}; services reached without the AppHost's ports in front";

    /// <summary>The processes known by now, by the names of their resources, and this one.</summary>
    public IReadOnlyDictionary<string, int> Processes =>
        _processes.Values.GroupBy(p => p.Name).ToDictionary(p => p.Key, p => p.Last().Process)
            .Append(new("bench", Environment.ProcessId)).ToDictionary();

    public static async Task<BenchShop> StartAsync(BenchSettings settings, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(Patience);
        // Not CreateTempSubdirectory: that one is closed to the user as whom PostgreSQL runs when root starts it.
        var folder = Directory.CreateDirectory(
            Path.Combine(Path.GetTempPath(), $"shop-bench-{Guid.CreateVersion7():n}")).FullName;
        var collector = await Collector.StartAsync(ct);
        string[] arguments =
        [
            $"--DataFolder={folder}", $"--ControlSocket={Path.Combine(folder, "control.sock")}",
            "--Replicas:Api=1", "--Replicas:Workers=1",
            "--Shop:ASPNETCORE_ENVIRONMENT=Production", "--Shop:DOTNET_ENVIRONMENT=Production",
            string.Create(CultureInfo.InvariantCulture, $"--Shop:Identity:PasswordIterations={PasswordIterations}"),
            .. from limit in (string[])["User", "Address", "SignIn"]
               from part in (string[])["PerSecond", "Burst"]
               select string.Create(CultureInfo.InvariantCulture, $"--Shop:RateLimits:{limit}:{part}={RateLimit}"),
            .. settings.Shop.Concat(collector.Settings).Select(setting => $"--Shop:{setting}"),
        ];
        var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.Shop_AppHost>(
            arguments, patience.Token);
        SetPostgres(builder, settings.Postgres);
        ReachDirectly(builder);
        builder.Services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning));
        var shop = new BenchShop(folder, await builder.BuildAsync(patience.Token), collector);
        try
        {
            await shop.StartServicesAsync(patience.Token);
            return shop;
        }
        catch
        {
            await shop.DisposeAsync();
            throw;
        }
    }

    public async Task<string> ConnectionStringAsync(string database, CancellationToken ct) =>
        await _app.GetConnectionStringAsync(database, ct)
        ?? throw new BenchException($"The AppHost knows no address of {database}.");

    /// <summary>Of every database with events, by its name.</summary>
    public async Task<IReadOnlyDictionary<string, string>> ConnectionStringsAsync(CancellationToken ct)
    {
        var all = new Dictionary<string, string>();
        foreach (var database in (string[])["identitydb", "catalogdb", "orderingdb", "paymentsdb"])
        {
            all[database] = await ConnectionStringAsync(database, ct);
        }

        return all;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _watching;
        await _app.DisposeAsync();
        await _collector.DisposeAsync();
        Say.Line($"{_collector.Bytes / 1e6:N1} MB of telemetry were exported");
        _stopping.Dispose();
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    // The server is a container's or, without an engine, a process beside the resource of that name.
    private static void SetPostgres(IDistributedApplicationTestingBuilder builder, string[] settings)
    {
        foreach (var server in builder.Resources.Where(r => r.Name is "postgres" or "postgres-process"))
        {
            server.Annotations.Add(new CommandLineArgsCallbackAnnotation(context =>
            {
                foreach (var setting in settings)
                {
                    context.Args.Add("-c");
                    context.Args.Add(setting);
                }

                return Task.CompletedTask;
            }));
        }
    }

    // The ports in front of the services are a convenience of development, and would run in the process of the load.
    private static void ReachDirectly(IDistributedApplicationTestingBuilder builder)
    {
        foreach (var endpoint in builder.Resources.OfType<ProjectResource>()
            .SelectMany(project => project.Annotations.OfType<EndpointAnnotation>()))
        {
            endpoint.IsProxied = false;
            endpoint.Port = endpoint.TargetPort = null;
        }
    }

    private async Task StartServicesAsync(CancellationToken ct)
    {
        var states = _app.Services.GetRequiredService<ResourceNotificationService>();
        _watching = WatchAsync(states);
        await _app.StartAsync(ct);
        var model = _app.Services.GetRequiredService<DistributedApplicationModel>();
        foreach (var project in model.Resources.OfType<ProjectResource>())
        {
            await states.WaitForResourceHealthyAsync(project.Name, ct);
        }
    }

    private async Task WatchAsync(ResourceNotificationService states)
    {
        try
        {
            await foreach (var change in states.WatchAsync(_stopping.Token))
            {
                var process = change.Snapshot.Properties.FirstOrDefault(p => p.Name == "executable.pid")?.Value;
                if (process is null) continue;

                var name = change.Resource.Name;
                if (name.EndsWith("-process", StringComparison.Ordinal)) name = name[..^"-process".Length];
                _processes[change.ResourceId] = (name, Convert.ToInt32(process, CultureInfo.InvariantCulture));
            }
        }
        catch (OperationCanceledException)
        {
            // The bench is over.
        }
    }
}

/// <summary>What a scenario sets apart from all others.</summary>
/// <param name="Shop">Settings of the services, as <c>Orders:TtlSeconds=60</c>.</param>
/// <param name="Postgres">Settings of the server, as <c>jit=off</c>.</param>
internal sealed record BenchSettings(string[] Shop, string[] Postgres)
{
    public static readonly BenchSettings Ordinary = new([], []);

    public override string ToString() => string.Concat(Shop.Concat(Postgres).Select(setting => $"; {setting}"));
}
