using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Shop.ServiceDefaults.Scheduling;

/// <summary>
/// A slice that runs again and again. Any number of replicas may run it at the same time: what it does must be safe
/// then (conditional updates, skip locked).
/// </summary>
/// <param name="Name">Name in logs, traces and metrics, such as <c>expire-orders</c>.</param>
/// <param name="Interval">The pause between two runs that found nothing to do.</param>
/// <param name="Run">
/// Does one bounded batch and answers how many items it handled; more than 0: it is called again at once.
/// </param>
public sealed record Schedule(string Name, TimeSpan Interval, Func<IServiceProvider, CancellationToken, Task<int>> Run);

public static class ScheduleExtensions
{
    /// <summary>Adds a schedule, run by the scheduler of the process in a scope of its own each time.</summary>
    public static void AddSchedule(
        this IHostApplicationBuilder builder, string name, TimeSpan interval,
        Func<IServiceProvider, CancellationToken, Task<int>> run) =>
        builder.Services.AddSingleton(new Schedule(name, interval, run));

    /// <summary>Runs all schedules in this process. For the workers, never for an API.</summary>
    public static void AddScheduler(this IHostApplicationBuilder builder) =>
        builder.Services.AddHostedService<SchedulerService>();
}
