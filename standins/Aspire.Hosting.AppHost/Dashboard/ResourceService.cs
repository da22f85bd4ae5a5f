using System.Net;
using System.Security.Cryptography;
using System.Text;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Dashboard.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Aspire.Hosting.Dashboard;

/// <summary>
/// aspire.v1.DashboardService: gRPC over plain HTTP/2 on the loopback, for whoever has the key. There is no gRPC server
/// among the packages, and the few calls need little of one: see <see cref="GrpcCall"/>.
/// </summary>
internal sealed class ResourceService(
    IConfiguration configuration,
    IHostEnvironment environment,
    IHostApplicationLifetime lifetime,
    ResourceNotificationService notifications,
    ResourceLoggerService loggers,
    ResourceCommandService commands) : IAsyncDisposable
{
    private WebApplication? _app;

    /// <summary>Starts to listen; the answer is the address.</summary>
    public async Task<string> StartAsync(CancellationToken cancellationToken)
    {
        var configured = configuration["ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL"];
        var wanted = configured is { Length: > 0 } ? new Uri(configured).Port : 0;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Loopback, wanted, listen => listen.Protocols = HttpProtocols.Http2));
        _app = builder.Build();
        _app.Run(AnswerAsync);
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (IOException taken)
        {
            throw new DistributedApplicationException(
                $"Port {wanted}, where the dashboard asks for resources, is taken: another run?", taken);
        }

        return _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null) await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, lifetime.ApplicationStopping);
        var call = new GrpcCall(context, ends.Token);
        if (!HasKey(context.Request))
        {
            call.Finish(GrpcCall.Unauthenticated);
            return;
        }

        try
        {
            call.Finish(await DispatchAsync(call, context.Request.Path.Value?.Split('/')[^1]));
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            call.Finish(GrpcCall.Cancelled); // The page was closed, or the application ends.
        }
    }

    private async Task<int> DispatchAsync(GrpcCall call, string? method)
    {
        switch (method)
        {
            case "GetApplicationInformation":
                await call.WriteAsync(
                    new ApplicationInformationResponse { ApplicationName = environment.ApplicationName });
                return GrpcCall.Ok;
            case "WatchResources":
                return await WatchResourcesAsync(call);
            case "WatchResourceConsoleLogs":
                return await WatchLogsAsync(call, await call.ReadAsync(WatchResourceConsoleLogsRequest.Parser));
            case "ExecuteResourceCommand":
                await call.WriteAsync(await ExecuteAsync(call, await call.ReadAsync(ResourceCommandRequest.Parser)));
                return GrpcCall.Ok;
            case "WatchInteractions":
                await call.StaySilentAsync(); // This host never asks the user anything.
                return GrpcCall.Ok;
            default:
                return GrpcCall.Unimplemented;
        }
    }

    private async Task<int> WatchResourcesAsync(GrpcCall call)
    {
        var initial = new InitialResourceData();
        initial.Resources.AddRange(notifications.CurrentStates.Select(ResourceMessages.Resource));
        await call.WriteAsync(new WatchResourcesUpdate { InitialData = initial });

        // The watch begins with every state once more, so nothing that changed in between is lost.
        await foreach (var change in notifications.WatchAsync(call.Ends))
        {
            var changes = new WatchResourcesChanges();
            changes.Value.Add(new WatchResourcesChange { Upsert = ResourceMessages.Resource(change) });
            await call.WriteAsync(new WatchResourcesUpdate { Changes = changes });
        }

        return GrpcCall.Ok;
    }

    private async Task<int> WatchLogsAsync(GrpcCall call, WatchResourceConsoleLogsRequest request)
    {
        var batches = request.SuppressFollow
            ? loggers.GetAllAsync(request.ResourceName)
            : loggers.WatchAsync(request.ResourceName);
        await foreach (var batch in batches.WithCancellation(call.Ends))
        {
            await call.WriteAsync(ResourceMessages.Lines(batch));
        }

        return GrpcCall.Ok;
    }

    private async Task<ResourceCommandResponse> ExecuteAsync(GrpcCall call, ResourceCommandRequest request)
    {
        var result = await commands.ExecuteCommandAsync(request.ResourceName, request.CommandName, call.Ends);
        var response = new ResourceCommandResponse
        {
            Kind = result switch
            {
                { Success: true } => ResourceCommandResponseKind.Succeeded,
                { Canceled: true } => ResourceCommandResponseKind.Cancelled,
                _ => ResourceCommandResponseKind.Failed,
            },
        };
        if (result.Message is { } message) response.Message = message;
        return response;
    }

    private bool HasKey(HttpRequest request) => CryptographicOperations.FixedTimeEquals(
        Encoding.UTF8.GetBytes(request.Headers["x-resource-service-api-key"].ToString()),
        Encoding.UTF8.GetBytes(configuration["AppHost:ResourceService:ApiKey"] ?? ""));
}
