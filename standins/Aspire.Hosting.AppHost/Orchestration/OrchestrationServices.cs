using Microsoft.Extensions.DependencyInjection;

namespace Aspire.Hosting.Orchestration;

internal static class OrchestrationServices
{
    public static void AddOrchestration(this IServiceCollection services, string appHostDirectory, bool isTest)
    {
    }
}
