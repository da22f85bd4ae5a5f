using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shop.ServiceDefaults.Scheduling;

namespace Shop.Tests.ServiceDefaults.Scheduling;

public sealed class SchedulerServiceTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_schedule_that_found_work_runs_again_at_once_until_there_is_none()
    {
        var runs = 0;
        var drained = new TaskCompletionSource();
        using var host = await StartAsync(builder => builder.AddSchedule(
            "drain", TimeSpan.FromHours(1), (_, _) =>
            {
                // The interval is an hour, so five runs within the patience are runs without a pause.
                if (Interlocked.Increment(ref runs) < 5) return Task.FromResult(1);
                drained.TrySetResult();
                return Task.FromResult(0);
            }), firstRunAtOnce: true);

        await drained.Task.WaitAsync(Patience);
        await host.StopAsync();
        Assert.Equal(5, runs);
    }

    [Fact]
    public async Task A_run_that_fails_is_tried_again_at_the_next_tick_and_disturbs_no_other()
    {
        var failures = 0;
        var others = 0;
        var enough = new TaskCompletionSource();
        using var host = await StartAsync(builder =>
        {
            builder.AddSchedule("failing", TimeSpan.FromMilliseconds(10), (_, _) =>
            {
                if (Interlocked.Increment(ref failures) >= 3 && Volatile.Read(ref others) > 0) enough.TrySetResult();
                throw new InvalidOperationException("Always.");
            });
            builder.AddSchedule("other", TimeSpan.FromMilliseconds(10), (_, _) =>
            {
                Interlocked.Increment(ref others);
                return Task.FromResult(0);
            });
        });

        await enough.Task.WaitAsync(Patience);
        await host.StopAsync();
    }

    [Fact]
    public async Task Each_run_has_a_scope_of_its_own()
    {
        var seen = new HashSet<Guid>();
        var enough = new TaskCompletionSource();
        using var host = await StartAsync(builder =>
        {
            builder.Services.AddScoped<Marker>();
            builder.AddSchedule("scoped", TimeSpan.FromMilliseconds(5), (services, _) =>
            {
                Assert.Same(services.GetRequiredService<Marker>(), services.GetRequiredService<Marker>());
                if (seen.Add(services.GetRequiredService<Marker>().Id) && seen.Count == 3) enough.TrySetResult();
                return Task.FromResult(0);
            });
        });

        await enough.Task.WaitAsync(Patience);
        await host.StopAsync();
    }

    private static async Task<IHost> StartAsync(Action<IHostApplicationBuilder> configure, bool firstRunAtOnce = false)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddSingleton(firstRunAtOnce ? new HastyClock() : TimeProvider.System);
        configure(builder);
        builder.AddScheduler();
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    private sealed class Marker
    {
        public Guid Id { get; } = Guid.CreateVersion7();
    }

    /// <summary>Its first timer, the spread of the first run, fires at once; the others take their time.</summary>
    private sealed class HastyClock : TimeProvider
    {
        private int _timers;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(
                callback, state, Interlocked.Increment(ref _timers) == 1 ? TimeSpan.Zero : dueTime, period);
    }
}
