using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Shop.Tests.Security;

/// <summary>
/// An OTLP/HTTP endpoint that keeps traces, logs and metrics as they came: texts stand in them as UTF-8.
/// </summary>
internal sealed class OtlpDump : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(string Signal, byte[] Body)> _bodies = new();

    private OtlpDump(WebApplication app) => _app = app;

    public string Address => _app.Urls.First();

    public static async Task<OtlpDump> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var dump = new OtlpDump(app);
        app.MapPost("/v1/{signal}", async (string signal, HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            dump._bodies.Enqueue((signal, body.ToArray()));
            return Results.Bytes([], "application/x-protobuf");
        });
        await app.StartAsync();
        return dump;
    }

    /// <summary>Everything of that signal so far: <c>traces</c>, <c>logs</c> or <c>metrics</c>.</summary>
    public string Text(string signal) => string.Join(
        '\n', _bodies.Where(body => body.Signal == signal).Select(body => Encoding.UTF8.GetString(body.Body)));

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
