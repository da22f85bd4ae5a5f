using System.Collections.Concurrent;
using System.Diagnostics;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Messaging;

public sealed class TraceTests(KernelDatabase databases) : KernelTests(databases)
{
    [Fact]
    public async Task One_trace_runs_from_the_request_through_the_stream_to_the_handler_and_on()
    {
        var ended = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is MessagingTelemetry.Name or nameof(TraceTests),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using var source = new ActivitySource(nameof(TraceTests));
        var requestIds = new ConcurrentQueue<string?>();
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, builder =>
        {
            builder.AddOutboxRelay<KernelDb>();
            builder.AddSubscriptions<KernelDb>(Group, on => on
                .On<OrderExpired>((e, context) =>
                {
                    requestIds.Enqueue(context.Envelope.RequestId);
                    context.Transaction.Publish(Completed(e.OrderId), 2);
                    return RecordAsync(context);
                })
                .On<OrderCompleted>((e, context) =>
                {
                    requestIds.Enqueue(context.Envelope.RequestId);
                    return RecordAsync(context, "caused");
                }));
        });
        var order = Guid.CreateVersion7();
        string traceId;

        using (var request = source.StartActivity("POST /orders")!)
        {
            traceId = request.TraceId.ToHexString();
            request.SetBaggage("request.id", "the request");
            await process.PublishAsync(Expired(order));
        }

        await EventuallyAsync(async () => (await EffectsAsync(order)).Count == 2, "handled");
        await EventuallyAsync(
            () => Task.FromResult(Spans().Count == 5), "five spans: request, two sent, two handled");
        Assert.Equal(
            ["POST /orders", "order-events publish", "order-events process", "order-events publish",
                "order-events process"],
            Chain(Spans()));
        Assert.Equal(["the request", "the request"], requestIds);

        List<Activity> Spans() => [.. ended.Where(span => span.TraceId.ToHexString() == traceId)];
    }

    /// <summary>The names from the root on, each span the only child of the one before.</summary>
    private static IEnumerable<string> Chain(List<Activity> spans)
    {
        var next = spans.Single(span => span.ParentSpanId == default);
        while (next is not null)
        {
            yield return next.OperationName;
            next = spans.SingleOrDefault(span => span.ParentSpanId == next.SpanId);
        }
    }
}
