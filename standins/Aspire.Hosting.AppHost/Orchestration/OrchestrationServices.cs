using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Aspire.Hosting.Orchestration;

internal static class OrchestrationServices
{
    public static void AddOrchestration(this IServiceCollection services, string appHostDirectory, bool isTest)
    {
        services.AddSingleton(sp => new HostSettings(
            sp.GetRequiredService<IConfiguration>(), appHostDirectory, isTest));
        services.AddSingleton<ProcessGuardian>();
        services.AddSingleton<PortReservations>();
        services.AddSingleton<ResourceEnvironment>();
        services.AddSingleton<ProcessServices>();
        services.AddSingleton<ApplicationOrchestrator>();

        // The console and the monitor watch from the start; hosted services stop in the reverse order, so the
        // orchestrator, the last to start, stops everything while both still look on.
        services.AddHostedService<ResourceConsole>();
        services.AddHostedService<ResourceHealthMonitor>();
        services.AddHostedService(sp => sp.GetRequiredService<ApplicationOrchestrator>());
    }
}
