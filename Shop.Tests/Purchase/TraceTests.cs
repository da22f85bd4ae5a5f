using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using Shop.Tests.Fixtures;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Purchase;

public sealed class TraceTests : IAsyncLifetime
{
    private OtlpReceiver _receiver = null!;
    private TracedShop _shop = null!;

    public async Task InitializeAsync()
    {
        _receiver = await OtlpReceiver.StartAsync();
        _shop = new TracedShop(_receiver.Address);
        await _shop.InitializeAsync();
    }

    public async Task DisposeAsync()
    {
        await _shop.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task One_trace_runs_from_the_payment_request_to_the_processor_and_back_to_the_paid_order()
    {
        var buyer = await _shop.NewBuyerAsync();
        var placed = await buyer.PlaceAsync(await _shop.PlentifulProductAsync());
        var traceId = ActivityTraceId.CreateRandom().ToHexString();

        using var request = new HttpRequestMessage(HttpMethod.Post, "/payments")
        {
            Content = JsonContent.Create(new { orderId = placed.Id, method = "CARD", cardToken = "tok_ok" }),
        };
        request.Headers.Add("Idempotency-Key", NewKey());
        request.Headers.Add("traceparent", $"00-{traceId}-{ActivitySpanId.CreateRandom().ToHexString()}-01");
        using var answer = await buyer.Payments.SendAsync(request);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        await buyer.OrderBecomesAsync(placed.Id, "PAID");

        // The request; the outbox going onto a stream; a worker taking it off; the processor; Ordering's handler of the
        // outcome; and the event that says the order is paid.
        (string Service, string Name, string EventType)[] path =
        [
            ("payments", "POST", ""),
            ("ordering", "POST", ""),
            ("workers", "payment-events publish", "PaymentRequested.v1"),
            ("workers", "payment-events process", "PaymentRequested.v1"),
            ("sandbox", "POST", ""),
            ("workers", "payment-events publish", "PaymentCompleted.v1"),
            ("workers", "payment-events process", "PaymentCompleted.v1"),
            ("workers", "order-events publish", "OrderPaid.v1"),
            ("workers", "order-events process", "OrderPaid.v1"),
        ];
        foreach (var (service, name, eventType) in path)
        {
            await Eventually.HoldsAsync(
                () => Task.FromResult(_receiver.Spans.Any(span =>
                    span.TraceId == traceId && span.Service == service && span.EventType == eventType
                    && span.Name.StartsWith(name, StringComparison.Ordinal))),
                TimeSpan.FromSeconds(30),
                $"a span '{name}' {eventType} of {service} among: {string.Join(", ", Names(traceId))}");
        }
    }

    private IEnumerable<string> Names(string traceId) =>
        _receiver.Spans
            .Where(span => span.TraceId == traceId)
            .Select(span => $"{span.Service}/{span.Name} {span.EventType}");

    private sealed class TracedShop(string otlpAddress) : ShopApp(new ShopAppOptions
    {
        Settings = new Dictionary<string, string>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = otlpAddress,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
            ["OTEL_TRACES_SAMPLER"] = "always_on",
        },
    });
}
