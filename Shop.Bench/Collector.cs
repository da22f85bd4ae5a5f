using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Shop.Bench;

/// <summary>
/// Where the shop sends its telemetry (OTLP over HTTP), so that exporting costs what it costs in production. Counts and
/// keeps nothing.
/// </summary>
internal sealed class Collector : IAsyncDisposable
{
    private const double SampledShare = 0.1;

    private readonly WebApplication _app;
    private long _bytes;

    private Collector()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted);
            Interlocked.Add(ref _bytes, context.Request.ContentLength ?? 0);
            context.Response.ContentType = "application/x-protobuf";
        });
    }

    public static string InWords => string.Create(
        CultureInfo.InvariantCulture, $"all metrics and logs and {SampledShare:P0} of all traces exported");

    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>What the services have to be told.</summary>
    public IEnumerable<string> Settings =>
    [
        $"OTEL_EXPORTER_OTLP_ENDPOINT={_app.Urls.Single()}", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        "OTEL_TRACES_SAMPLER=parentbased_traceidratio",
        string.Create(CultureInfo.InvariantCulture, $"OTEL_TRACES_SAMPLER_ARG={SampledShare}"),
    ];

    public static async Task<Collector> StartAsync(CancellationToken ct)
    {
        var collector = new Collector();
        await collector._app.StartAsync(ct);
        return collector;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
