using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Shop.ServiceDefaults.Scheduling;

/// <summary>
/// Runs every registered <see cref="Schedule"/> in a scope of its own: again at once while it finds work, else after
/// its interval. One that fails is logged and runs again at its next tick; the others don't notice.
/// </summary>
public sealed partial class SchedulerService(
    IEnumerable<Schedule> schedules, IServiceScopeFactory scopes, TimeProvider clock, ILogger<SchedulerService> log)
    : BackgroundService
{
    /// <summary>Name of the span source.</summary>
    public const string SourceName = "Shop.Scheduling";

    /// <summary>Batches without a pause, so that a schedule that always finds work still yields.</summary>
    internal const int MaxBatchesAtOnce = 100;

    private static readonly ActivitySource Source = new(SourceName);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(schedules.Select(schedule => RepeatAsync(schedule, stoppingToken)));

    private async Task RepeatAsync(Schedule schedule, CancellationToken stopping)
    {
        try
        {
            // Replicas that start together spread their first runs.
            await Task.Delay(schedule.Interval * Random.Shared.NextDouble() * 0.1, clock, stopping);
            while (!stopping.IsCancellationRequested)
            {
                await RunWhileThereIsWorkAsync(schedule, stopping);
                await Task.Delay(schedule.Interval * (0.9 + (Random.Shared.NextDouble() * 0.2)), clock, stopping);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The host stops; the run that was under way has ended.
        }
    }

    private async Task RunWhileThereIsWorkAsync(Schedule schedule, CancellationToken stopping)
    {
        for (var batch = 0; batch < MaxBatchesAtOnce && !stopping.IsCancellationRequested; batch++)
        {
            Activity.Current = null;
            using var span = Source.StartActivity($"schedule {schedule.Name}");
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                var handled = await schedule.Run(scope.ServiceProvider, stopping);
                span?.SetTag("shop.schedule.handled", handled);
                if (handled == 0) return;
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Every failure of a run ends here: the next tick is its retry.
                span?.SetStatus(ActivityStatusCode.Error, e.Message);
                Failed(log, e, schedule.Name);
                return;
            }
        }
    }

    [LoggerMessage(LogLevel.Error, "The schedule {Name} failed and runs again at its next tick")]
    private static partial void Failed(ILogger log, Exception e, string name);
}
