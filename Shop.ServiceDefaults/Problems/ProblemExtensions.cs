using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Shop.ServiceDefaults.Problems;

internal static class ProblemExtensions
{
    public static void AddProblems(this IServiceCollection services)
    {
        // The first writer that can write does, so ours stands before the framework's.
        services.AddSingleton<IProblemDetailsWriter, ProblemWriter>();
        services.AddProblemDetails();
        services.AddSingleton<IExceptionMapping, RequestMapping>();
        services.AddSingleton<IExceptionMapping, ServiceUnavailableMapping>();
        services.AddSingleton<IExceptionMapping, InfrastructureMapping>();
        services.AddExceptionHandler<ShopExceptionHandler>();
    }

    /// <summary>An exception, and a refusal without a body (404, 405, 415, 401, 403), becomes a problem.</summary>
    public static void UseProblems(this IApplicationBuilder app)
    {
        app.UseExceptionHandler();
        app.UseStatusCodePages();
    }
}
