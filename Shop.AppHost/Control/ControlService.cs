using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Shop.AppHost.Control;

/// <summary>
/// Plain text over HTTP on a unix socket that only its owner may open, so that curl is client enough. The commands are
/// those of the resources, the same as in the dashboard.
/// </summary>
internal sealed class ControlService(ControlSocket socket, IServiceProvider services) : IHostedService
{
    private WebApplication? _app;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(socket.Path)!);
        File.Delete(socket.Path);

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket.Path));
        builder.Services.AddRoutingCore();
        builder.Services.AddLogging(logging => logging.ClearProviders());
        builder.Services.AddSingleton(services.GetRequiredService<ResourceBoard>());
        builder.Services.AddSingleton(services.GetRequiredService<DashboardAddress>());
        builder.Services.AddSingleton(services.GetRequiredService<ResourceCommandService>());
        builder.Services.AddSingleton(services.GetRequiredService<ResourceLoggerService>());

        _app = builder.Build();
        _app.UseRouting();
        _app.MapGet("/resources", (ResourceBoard board) => TypedResults.Text(board.Table()));
        _app.MapGet("/ready", Ready);
        _app.MapGet("/dashboard", FindDashboard);
        _app.MapGet("/logs/{name?}", Logs);
        _app.MapPost("/resources/{name}/{command}", Execute);
        _app.MapPost("/stop", Stop);
        await _app.StartAsync(cancellationToken);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(socket.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_app is null) return;

        // A terminal that follows the logs never ends by itself.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(1));
        await _app.StopAsync(patience.Token);
        await _app.DisposeAsync();
        File.Delete(socket.Path);
    }

    private static Results<Ok, StatusCodeHttpResult> Ready(ResourceBoard board) =>
        board.IsReady ? TypedResults.Ok() : TypedResults.StatusCode(StatusCodes.Status503ServiceUnavailable);

    private static async Task<Results<ContentHttpResult, NotFound>> FindDashboard(
        DashboardAddress dashboard, CancellationToken ct) =>
        await dashboard.FindAsync(ct) is { } found ? TypedResults.Text(found.Root) : TypedResults.NotFound();

    private static async Task<Results<ContentHttpResult, NotFound<string>, Conflict<string>>> Execute(
        string name, string command, ResourceBoard board, ResourceCommandService commands, CancellationToken ct)
    {
        var named = Named(board, name);
        if (named.Length == 0) return TypedResults.NotFound($"There is no resource {name}.");

        // The name of a resource means all its replicas, the id of one of them that one.
        var results = new List<ExecuteCommandResult>();
        foreach (var instance in named)
        {
            results.Add(await commands.ExecuteCommandAsync(instance.ResourceId, command, ct));
        }

        return results.Find(r => !r.Success) is { } failed
            ? TypedResults.Conflict($"{name} {command}: {failed.Message}")
            : TypedResults.Text($"{name} {command}: done\n");
    }

    private static async Task Logs(
        HttpContext context, ResourceBoard board, ResourceLoggerService loggers, string? name = null)
    {
        var instances = name is null ? [.. board.Instances] : Named(board, name);
        if (instances.Length == 0)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            await context.Response.WriteAsync($"There is no resource {name}.", context.RequestAborted);
            return;
        }

        var lines = Channel.CreateBounded<string>(1000);
        var readers = Task.WhenAll(
            instances.Select(i => FollowAsync(i.ResourceId, loggers, lines, context.RequestAborted)));
        await foreach (var line in lines.Reader.ReadAllAsync(context.RequestAborted))
        {
            await context.Response.WriteAsync(line, context.RequestAborted);
            if (lines.Reader.Count == 0) await context.Response.Body.FlushAsync(context.RequestAborted);
        }

        await readers;
    }

    private static async Task FollowAsync(
        string id, ResourceLoggerService loggers, ChannelWriter<string> lines, CancellationToken ct)
    {
        await foreach (var batch in loggers.WatchAsync(id).WithCancellation(ct))
        {
            foreach (var line in batch) await lines.WriteAsync($"{id} | {line.Content}\n", ct);
        }
    }

    // The answer is the process to wait for: the socket goes first, the servers last.
    private ContentHttpResult Stop()
    {
        services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        return TypedResults.Text($"{Environment.ProcessId}\n", statusCode: StatusCodes.Status202Accepted);
    }

    private static ResourceEvent[] Named(ResourceBoard board, string name) =>
        [.. board.Instances.Where(i => i.ResourceId == name || i.Resource.Name == name)];
}
