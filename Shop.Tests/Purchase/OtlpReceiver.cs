using System.Collections.Concurrent;
using System.Text;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Shop.Tests.Purchase;

/// <summary>A span as it came over the wire; the event type is that of an event's span, else empty.</summary>
public sealed record ReceivedSpan(string Service, string TraceId, string Name, string EventType);

/// <summary>
/// An OTLP/HTTP endpoint that keeps spans. It reads the few fields it needs of ExportTraceServiceRequest by their
/// numbers in opentelemetry/proto/trace/v1/trace.proto.
/// </summary>
public sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;

    private OtlpReceiver(WebApplication app) => _app = app;

    public ConcurrentQueue<ReceivedSpan> Spans { get; } = new();

    public string Address => _app.Urls.First();

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var receiver = new OtlpReceiver(app);
        app.MapPost("/v1/traces", async (HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            receiver.Read(body.ToArray());
            return Results.Bytes([], "application/x-protobuf");
        });
        app.MapPost("/v1/{signal}", () => Results.Bytes([], "application/x-protobuf"));
        await app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private void Read(byte[] request)
    {
        foreach (var (_, resourceSpans) in Fields(request))
        {
            var parts = Fields(resourceSpans);
            var resource = parts.Where(part => part.Number == 1).Select(part => part.Value).FirstOrDefault([]);
            var service = Attribute(resource, 1, "service.name");
            foreach (var (_, scopeSpans) in parts.Where(part => part.Number == 2))
            {
                foreach (var (_, span) in Fields(scopeSpans).Where(field => field.Number == 2))
                {
                    var traceId = Convert.ToHexStringLower(Fields(span).First(field => field.Number == 1).Value);
                    var eventType = Attribute(span, 9, "shop.event.type");
                    Spans.Enqueue(new(service ?? "", traceId, Text(span, 5), eventType));
                }
            }
        }
    }

    /// <summary>The text of a KeyValue among the fields of that number, or an empty one.</summary>
    private static string Attribute(byte[] message, int number, string name) => Fields(message)
        .Where(field => field.Number == number && Text(field.Value, 1) == name)
        .Select(field => Text(Fields(field.Value).First(part => part.Number == 2).Value, 1))
        .FirstOrDefault() ?? "";

    private static string Text(byte[] message, int number) => Fields(message)
        .Where(field => field.Number == number)
        .Select(field => Encoding.UTF8.GetString(field.Value))
        .FirstOrDefault() ?? "";

    /// <summary>The length-delimited fields of a message; numbers are skipped.</summary>
    private static List<(int Number, byte[] Value)> Fields(byte[] message)
    {
        var fields = new List<(int, byte[])>();
        var input = new CodedInputStream(message);
        while (input.ReadTag() is var tag and not 0)
        {
            if (WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited)
            {
                fields.Add((WireFormat.GetTagFieldNumber(tag), input.ReadBytes().ToByteArray()));
            }
            else
            {
                input.SkipLastField();
            }
        }

        return fields;
    }
}
