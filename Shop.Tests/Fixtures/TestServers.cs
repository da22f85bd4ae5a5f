using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Shop.Tests.Fixtures;

/// <summary>
/// PostgreSQL and Redis for all slice tests of one run: the servers named by SHOP_TEST_POSTGRES and SHOP_TEST_REDIS,
/// else the AppHost's own without its services. They are started by the first test that asks and end with the process.
/// </summary>
internal static class TestServers
{
    private static readonly Lazy<Task<(string Postgres, string Redis)>> Started = new(StartAsync);

    public static Task<(string Postgres, string Redis)> GetAsync() => Started.Value;

    private static async Task<(string Postgres, string Redis)> StartAsync()
    {
        var postgres = Environment.GetEnvironmentVariable("SHOP_TEST_POSTGRES");
        var redis = Environment.GetEnvironmentVariable("SHOP_TEST_REDIS");
        if (postgres is { Length: > 0 } && redis is { Length: > 0 }) return (postgres, redis);

        var folder = TestFolder.Create();
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.Shop_AppHost>(
            folder.AppHostArguments, patience.Token);
        foreach (var project in builder.Resources.OfType<ProjectResource>().ToArray())
        {
            builder.Resources.Remove(project);
        }


        var app = await builder.BuildAsync(patience.Token);
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            app.DisposeAsync().AsTask().GetAwaiter().GetResult();
            folder.Delete();
        };
        await app.StartAsync(patience.Token);
        var states = app.Services.GetRequiredService<ResourceNotificationService>();
        await states.WaitForResourceHealthyAsync("postgres", patience.Token);
        await states.WaitForResourceHealthyAsync("cache", patience.Token);
        return (
            (await app.GetConnectionStringAsync("postgres", patience.Token))!,
            (await app.GetConnectionStringAsync("cache", patience.Token))!);
    }
}
