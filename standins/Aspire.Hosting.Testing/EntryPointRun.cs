using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Aspire.Hosting.Testing;

/// <summary>
/// One run of an AppHost's entry point, on a thread of its own. It goes as far as Build, waits there for the test, and
/// after that in Run for the end of the application, which the test starts and stops.
/// </summary>
internal sealed class EntryPointRun(
    Assembly? appHost,
    string[] args,
    Action<DistributedApplicationOptions, HostApplicationBuilderSettings> configureBuilder) : BuilderInterception
{
    private readonly TaskCompletionSource<IDistributedApplicationBuilder> _filled =
        NewSource<IDistributedApplicationBuilder>();

    private readonly TaskCompletionSource<bool> _goOn = NewSource<bool>();
    private readonly TaskCompletionSource<DistributedApplication> _built = NewSource<DistributedApplication>();
    private readonly TaskCompletionSource<bool> _ended = NewSource<bool>();

    public override Assembly? AppHostAssembly => appHost;

    public override Task Ended => _ended.Task;

    public override void Configure(DistributedApplicationOptions options, HostApplicationBuilderSettings settings)
    {
        options.DisableDashboard = true;
        settings.EnvironmentName = Environments.Development;
        settings.Configuration!.AddInMemoryCollection(
        [
            new("DcpPublisher:RandomizePorts", "true"),
            new("hostBuilder:reloadConfigOnChange", "false"),
        ]);
        configureBuilder(options, settings);
    }

    /// <summary>Runs the AppHost's code until it calls Build.</summary>
    public Task<IDistributedApplicationBuilder> StartAsync(CancellationToken cancellationToken)
    {
        var entryPoint = appHost!.EntryPoint ?? throw new InvalidOperationException(
            $"{appHost.GetName().Name} has no entry point.");
        new Thread(() => Run(entryPoint)) { IsBackground = true }.Start();
        return _filled.Task.WaitAsync(cancellationToken);
    }

    public IDistributedApplicationBuilder CreateBuilder()
    {
        Current = this;
        try
        {
            return DistributedApplication.CreateBuilder(args);
        }
        finally
        {
            Current = null;
        }
    }

    public async Task<DistributedApplication> BuildAsync(
        IDistributedApplicationBuilder builder, CancellationToken cancellationToken)
    {
        _goOn.TrySetResult(true);
        return appHost is null ? builder.Build() : await _built.Task.WaitAsync(cancellationToken);
    }

    /// <summary>The test is through with its builder; an AppHost that still stands in Build is let go.</summary>
    public void Abandon() => _goOn.TrySetResult(false);

    public override void WaitForTest(IDistributedApplicationBuilder builder)
    {
        _filled.TrySetResult(builder);
        if (!_goOn.Task.GetAwaiter().GetResult()) throw new OperationCanceledException("The test did not build.");
    }

    public override void Built(DistributedApplication application)
    {
        application.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopped
            .Register(() => _ended.TrySetResult(true));
        _built.TrySetResult(application);
    }

    private void Run(MethodInfo entryPoint)
    {
        Current = this;
        try
        {
            entryPoint.Invoke(null, entryPoint.GetParameters().Length == 0 ? [] : [args]);
            Fail(new InvalidOperationException("The AppHost ended without building an application."));
        }
#pragma warning disable CA1031 // Whatever the AppHost's code throws belongs to the test that waits for it.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Fail((failure as TargetInvocationException)?.InnerException ?? failure);
        }
    }

    private void Fail(Exception failure)
    {
        _filled.TrySetException(failure);
        _built.TrySetException(failure);
    }

    private static TaskCompletionSource<T> NewSource<T>() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
