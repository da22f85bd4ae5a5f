using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Orchestration;
using Aspire.Hosting.Testing;
using SampleHost;

namespace Shop.Tests.StandIns.Hosting;

/// <summary>What the tests of the stand-in host share: small applications, and waiting with a limit.</summary>
internal static class AppUnderTest
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    public static CancellationToken Deadline => new CancellationTokenSource(Limit).Token;

    public static async Task<DistributedApplication> StartAsync(Action<IDistributedApplicationBuilder> fill)
    {
        var builder = DistributedApplicationTestingBuilder.Create();
        fill(builder);
        var app = await builder.BuildAsync();
        await app.StartAsync(Deadline);
        return app;
    }

    public static IResourceBuilder<ProjectResource> AddEcho(this IDistributedApplicationBuilder builder, string name) =>
        builder.AddProject<Echo>(name).WithArgs("serve").WithHttpEndpoint().WithHttpHealthCheck("/health");

    public static IResourceBuilder<ExecutableResource> AddShell(
        this IDistributedApplicationBuilder builder, string name, string script) =>
        // A shell in the background of another one is started with SIGINT ignored, which it cannot undo.
        builder.AddExecutable(name, "sh", "/", "-c", script).WithAnnotation(StopSignal.Terminate);

    public static Task<ResourceEvent> UntilAsync(
        this DistributedApplication app, string name, Func<CustomResourceSnapshot, bool> reached) =>
        app.ResourceNotifications.WaitForResourceAsync(name, e => reached(e.Snapshot), Deadline);

    public static Task<ResourceEvent> UntilAsync(this DistributedApplication app, string name, string state) =>
        app.UntilAsync(name, s => s.State?.Text == state);

    public static int ProcessId(this ResourceEvent e) =>
        (int)e.Snapshot.Properties.Single(p => p.Name == "executable.pid").Value!;

    /// <summary>The lines that a resource has written so far.</summary>
    public static async Task<List<string>> LinesAsync(this DistributedApplication app, IResource resource)
    {
        var loggers = (ResourceLoggerService)app.Services.GetService(typeof(ResourceLoggerService))!;
        var lines = new List<string>();
        await foreach (var batch in loggers.GetAllAsync(resource)) lines.AddRange(batch.Select(l => l.Content));
        return lines;
    }

    public static Task EventuallyAsync(Func<Task<bool>> holds, string what) => EventuallyAsync(holds, () => what);

    public static async Task EventuallyAsync(Func<Task<bool>> holds, Func<string> what)
    {
        var deadline = Deadline;
        while (!await holds())
        {
            if (deadline.IsCancellationRequested) Assert.Fail($"Not within {Limit}: {what()}");
            await Task.Delay(50, CancellationToken.None);
        }
    }
}
