using System.Net.Http.Json;
using System.Text;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using Shop.ServiceDefaults.Data;
using Shop.Tests.Proof;

namespace Shop.Tests.Fixtures;

/// <summary>What one application under test is to be like.</summary>
public sealed record ShopAppOptions
{
    public int Apis { get; init; } = 1;
    public int Workers { get; init; } = 1;

    /// <summary>Settings of every service, such as <c>Orders:TtlSeconds</c>; tests shorten times here.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Whether the proof has to hold when the collection ends. False only where its tests damage data on purpose.
    /// </summary>
    public bool ProvedAtEnd { get; init; } = true;

    /// <summary>More arguments for the AppHost itself.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];
}

/// <summary>
/// The whole application, as a user starts it, on free ports and with data of its own. One for each test collection; a
/// collection that needs another one derives from it and passes its options.
/// </summary>
public class ShopApp : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    // What is tested is what services answer each other, not how fast. The card processor is not one of them: its time
    // limit is the payment's.
    private static readonly string[] PatientCalls =
    [
        .. from service in (string[])["identity", "catalog", "ordering", "payments"]
           from limit in (string[])["AttemptTimeoutSeconds=20", "TotalTimeoutSeconds=40"]
           select $"--Shop:Http:{service}:{limit}",
    ];

    private readonly ShopAppOptions _options;
    private readonly TestFolder _folder = TestFolder.Create();
    private readonly List<HttpClient> _clients = [];
    private DistributedApplication? _app;
    private bool _started;

    public ShopApp() : this(new ShopAppOptions())
    {
    }

    protected ShopApp(ShopAppOptions options) => _options = options;

    public DistributedApplication App => _app ?? throw new InvalidOperationException("The shop is not started yet.");

    public HttpClient Identity => Client("identity");
    public HttpClient Catalog => Client("catalog");
    public HttpClient Ordering => Client("ordering");
    public HttpClient Payments => Client("payments");
    public HttpClient Workers => Client("workers");
    public HttpClient Sandbox => Client("sandbox");

    private ResourceNotificationService States => App.Services.GetRequiredService<ResourceNotificationService>();

    public async Task InitializeAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        string[] arguments =
        [
            .. _folder.AppHostArguments, $"--Replicas:Api={_options.Apis}", $"--Replicas:Workers={_options.Workers}",
            // A cold process on a busy machine takes seconds for its first purchase; the tests want the outcome.
            "--Shop:Orders:OneCallWaitSeconds=60", .. PatientCalls,
            // A token of the first test is still good for the last.
            "--Shop:Identity:AccessTokenSeconds=3600",
            "--Shop:Messaging:ReconcileAgeSeconds=5", "--Shop:Messaging:ReconcileIntervalSeconds=2",
            "--Shop:Proof:SettledSeconds=5", "--Shop:Proof:EventAgeSeconds=10", "--Shop:Proof:IntervalSeconds=0",
            // All buyers of a test come from one address. The limits have a test of their own, with the defaults.
            "--Shop:RateLimits:User:PerSecond=100000", "--Shop:RateLimits:User:Burst=100000",
            "--Shop:RateLimits:Address:PerSecond=100000", "--Shop:RateLimits:Address:Burst=100000",
            "--Shop:RateLimits:SignIn:PerSecond=100000", "--Shop:RateLimits:SignIn:Burst=100000",
            .. _options.Settings.Select(s => $"--Shop:{s.Key}={s.Value}"), .. _options.Arguments,
        ];
        var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.Shop_AppHost>(
            arguments, patience.Token);
        Configure(builder);
        _app = await builder.BuildAsync(patience.Token);
        try
        {
            await _app.StartAsync(patience.Token);
            foreach (var project in Resources.OfType<ProjectResource>())
            {
                await States.WaitForResourceHealthyAsync(project.Name, patience.Token);
            }

            _started = true;
        }
        catch (Exception failure)
        {
            var state = await DescribeAsync();
            await DisposeAsync(); // xunit disposes no fixture that failed to start.
            throw new InvalidOperationException($"The shop did not start.\n{state}", failure);
        }
    }

    public async Task DisposeAsync()
    {
        try
        {
            if (_started && _options.ProvedAtEnd) await this.AssertProvedAsync();
        }
        finally
        {
            foreach (var client in _clients) client.Dispose();
            if (_app is not null) await _app.DisposeAsync();
            _folder.Delete();
        }
    }

    /// <summary>A client of a service by its resource name, signed in with the token if one is given.</summary>
    public HttpClient Client(string service, string? token = null)
    {
        var client = App.CreateHttpClient(service);
        if (token is not null) client.DefaultRequestHeaders.Authorization = new("Bearer", token);
        lock (_clients) _clients.Add(client);
        return client;
    }

    /// <summary>The control endpoint of this shop's AppHost, where ./shop asks.</summary>
    public HttpClient Control() => _folder.ControlClient();

    public string ControlSocket => _folder.ControlSocket;

    /// <summary>Where this shop's servers keep their data.</summary>
    public string DataFolder => _folder.Path;

    /// <summary>For who needs another AppHost than the user's: called when it is described and not yet built.</summary>
    protected virtual void Configure(IDistributedApplicationTestingBuilder builder)
    {
    }

    /// <summary>A new customer, registered and signed in.</summary>
    public async Task<ShopUser> NewBuyerAsync()
    {
        var email = $"buyer-{Guid.CreateVersion7():n}@test.example";
        const string password = "a-long-test-password";
        using var answer = await Identity.PostAsJsonAsync("/users", new { email, password, name = "Test Buyer" });
        answer.EnsureSuccessStatusCode();
        return await SignInAsync(email, password);
    }

    /// <summary>Signs in one of the sample users, such as <c>admin@shop.example</c>.</summary>
    public Task<ShopUser> SampleUserAsync(string email) => SignInAsync(email, "shop-sample-password");

    public async Task<ShopUser> SignInAsync(string email, string password)
    {
        using var answer = await Identity.PostAsJsonAsync("/auth/login", new { email, password });
        answer.EnsureSuccessStatusCode();
        var tokens = await answer.Content.ReadFromJsonAsync<Tokens>();
        return new ShopUser(this, email, tokens!.AccessToken);
    }

    public async Task<string> ConnectionStringAsync(string name) =>
        await App.GetConnectionStringAsync(name) ?? throw new InvalidOperationException($"{name} has no address.");

    /// <summary>How the service itself connects, which is not as the owner of its tables.</summary>
    public async Task<string> RoleConnectionStringAsync(string database)
    {
        var secret = Resources.OfType<ParameterResource>().Single(p => p.Name == "database-role-secret");
        var options = new DatabaseOptions { RoleSecret = await secret.GetValueAsync(CancellationToken.None) };
        return DatabaseLogin.Of(database, await ConnectionStringAsync(database), options).Service;
    }

    /// <summary>The first column of the first row, straight from a service's database, as its owner.</summary>
    public async Task<T> ScalarAsync<T>(string database, string sql, params object[] parameters)
    {
        await using var connection = new NpgsqlConnection(await ConnectionStringAsync(database));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in parameters) command.Parameters.Add(new() { Value = value });
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Runs start, stop, restart or kill on all replicas of a resource.</summary>
    public async Task CommandAsync(string resource, string command)
    {
        var commands = App.Services.GetRequiredService<ResourceCommandService>();
        var result = await commands.ExecuteCommandAsync(Resources.Single(r => r.Name == resource), command);
        Assert.True(result.Success, $"{resource} {command}: {result.Message}");
    }

    public async Task WaitUntilHealthyAsync(string resource)
    {
        using var patience = new CancellationTokenSource(Patience);
        await States.WaitForResourceHealthyAsync(resource, patience.Token);
    }

    public async Task WaitUntilAsync(string resource, string state)
    {
        using var patience = new CancellationTokenSource(Patience);
        await States.WaitForResourceAsync(resource, state, patience.Token);
    }

    /// <summary>State and last lines of all that is not healthy, for the message of a test that failed.</summary>
    public async Task<string> DescribeAsync()
    {
        const int lastLines = 15;
        var text = new StringBuilder();
        var loggers = App.Services.GetRequiredService<ResourceLoggerService>();
        foreach (var resource in Resources)
        {
            if (!States.TryGetCurrentState(resource.Name, out var state)) continue;

            text.AppendLine($"{state.ResourceId}: {state.Snapshot.State?.Text} {state.Snapshot.HealthStatus}");
            if (state.Snapshot.HealthStatus == HealthStatus.Healthy) continue;

            await foreach (var lines in loggers.GetAllAsync(state.ResourceId))
            {
                foreach (var line in lines.TakeLast(lastLines)) text.AppendLine($"    {line.Content}");
            }
        }

        return text.ToString();
    }

    private IEnumerable<IResource> Resources =>
        App.Services.GetRequiredService<DistributedApplicationModel>().Resources;

    private sealed record Tokens(string AccessToken);
}

/// <summary>Somebody who is signed in.</summary>
public sealed record ShopUser(ShopApp Shop, string Email, string Token)
{
    public HttpClient Catalog => Shop.Client("catalog", Token);
    public HttpClient Identity => Shop.Client("identity", Token);
    public HttpClient Ordering => Shop.Client("ordering", Token);
    public HttpClient Payments => Shop.Client("payments", Token);
    public HttpClient Workers => Shop.Client("workers", Token);
}

/// <summary>The tests that share one application with default settings.</summary>
[CollectionDefinition(Name)]
public sealed class ShopAppCollection : ICollectionFixture<ShopApp>
{
    public const string Name = "shop";
}
