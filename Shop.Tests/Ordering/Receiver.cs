using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Shop.Tests.Ordering;

/// <summary>A system outside that events are sent to: keeps what it is sent and answers what it is told to.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Receiver()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Map("/{**path}", ReceiveAsync);
    }

    public string Address => _app.Urls.First() + "/hook";

    /// <summary>The status it answers.</summary>
    public int Answer { get; set; } = 200;

    public ConcurrentQueue<Sent> Received { get; } = new();

    public static async Task<Receiver> StartAsync()
    {
        var receiver = new Receiver();
        await receiver._app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task<IResult> ReceiveAsync(HttpRequest request)
    {
        using var reader = new StreamReader(request.Body);
        Received.Enqueue(new(
            request.Method, request.Path, await reader.ReadToEndAsync(), request.Headers["Shop-Signature"],
            request.Headers["Feed-Batch"]));
        if (Answer == 302) request.HttpContext.Response.Headers.Location = "/elsewhere";
        return Results.StatusCode(Answer);
    }

    internal sealed record Sent(string Method, string Path, string Body, string? Signature, string? Batch);
}
