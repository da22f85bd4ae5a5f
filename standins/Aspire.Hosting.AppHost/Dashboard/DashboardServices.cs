using System.Net.Sockets;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Orchestration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Aspire.Hosting.Dashboard;

/// <summary>
/// Runs the genuine dashboard, if it is installed, as one more resource, and serves what its Resources page asks for.
/// Without it the application runs all the same.
/// </summary>
internal static class DashboardServices
{
    private const string Name = "aspire-dashboard";
    private const string Receiver = "ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL";

    public static void AddDashboard(this IDistributedApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ResourceService>();
        builder.Eventing.Subscribe<BeforeStartEvent>((start, ct) => AddAsync(builder, start, ct));
    }

    private static async Task AddAsync(
        IDistributedApplicationBuilder builder, BeforeStartEvent start, CancellationToken cancellationToken)
    {
        var configuration = builder.Configuration;
        if (configuration["ASPNETCORE_URLS"]?.Split(';')[0].TrimEnd('/') is not { Length: > 0 } address) return;

        if (DashboardBinary.Find(configuration, builder.AppHostDirectory) is not { } binary)
        {
            configuration[Receiver] = null; // Nobody would receive what the services export.
            Console.Out.WriteLine($"The dashboard is not installed; {DashboardBinary.HowToInstall} gets it.");
            return;
        }

        var resources = await start.Services.GetRequiredService<ResourceService>().StartAsync(cancellationToken);
        var dashboard = new ExecutableResource(Name, binary, Path.GetDirectoryName(binary)!);
        builder.CreateResourceBuilder(dashboard)
            .WithArgs("dashboard")
            .WithAnnotation(StopSignal.Kill) // Asked politely it takes its time.
            .WithAnnotation(new EndpointAnnotation(
                ProtocolType.Tcp, "http", name: "http", port: new Uri(address).Port, isProxied: false))
            .WithAnnotation(new ResourceSnapshotAnnotation(new CustomResourceSnapshot
            {
                ResourceType = "Executable",
                Properties = [],
                IsHidden = true,
            }))
            .WithEnvironment(context =>
            {
                foreach (var (key, value) in Settings(configuration, address, resources))
                {
                    context.EnvironmentVariables[key] = value ?? "";
                }
            });
        start.Model.Resources.Insert(0, dashboard);
        Console.Out.WriteLine($"Login to the dashboard at {address}/login?t={configuration["AppHost:BrowserToken"]}");
    }

    private static Dictionary<string, string?> Settings(
        ConfigurationManager configuration, string address, string resources) =>
        new()
        {
            ["ASPNETCORE_URLS"] = address,
            ["ASPNETCORE_ENVIRONMENT"] = "Production",
            ["LOGGING__LOGLEVEL__DEFAULT"] = "Warning",
            ["ASPIRE_DASHBOARD_TELEMETRY_OPTOUT"] = "true",
            [Receiver] = configuration[Receiver],
            ["DASHBOARD__FRONTEND__AUTHMODE"] = "BrowserToken",
            ["DASHBOARD__FRONTEND__BROWSERTOKEN"] = configuration["AppHost:BrowserToken"],
            ["DASHBOARD__OTLP__AUTHMODE"] = "ApiKey",
            ["DASHBOARD__OTLP__PRIMARYAPIKEY"] = configuration["AppHost:OtlpApiKey"],
            ["DASHBOARD__API__AUTHMODE"] = "ApiKey",
            ["DASHBOARD__API__PRIMARYAPIKEY"] = configuration["AppHost:OtlpApiKey"],
            ["ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL"] = resources,
            ["DASHBOARD__RESOURCESERVICECLIENT__AUTHMODE"] = "ApiKey",
            ["DASHBOARD__RESOURCESERVICECLIENT__APIKEY"] = configuration["AppHost:ResourceService:ApiKey"],
        };
}
