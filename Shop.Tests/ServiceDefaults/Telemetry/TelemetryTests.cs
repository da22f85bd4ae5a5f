using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Trace;
using Shop.ServiceDefaults.Http;
using Shop.Tests.ServiceDefaults.Http;

namespace Shop.Tests.ServiceDefaults.Telemetry;

/// <summary>One trace through two services, none for probes, all three signals where the host wants them.</summary>
public sealed class TelemetryTests
{
    private static readonly ActivitySource Work = new("Shop.Tests.Telemetry");

    [Fact]
    public async Task One_trace_runs_through_two_services_with_named_routes()
    {
        var spans = new Recorder();
        await using var catalog = await TinyService.StartAsync(
            app => app.MapGet("/products/{id}", (int id) =>
            {
                using var span = Work.StartActivity("look up");
                return id;
            }).AllowAnonymous(),
            spans.Record);
        await using var ordering = await TinyService.StartAsync(
            app => app.MapGet("/orders/{id}", (int id, CatalogClient client) =>
                client.Http.GetStringAsync(new Uri($"/products/{id}", UriKind.Relative))).AllowAnonymous(),
            builder =>
            {
                spans.Record(builder);
                builder.AddServiceClient<CatalogClient>("catalog");
            },
            ("services:catalog:http:0", catalog.Address.ToString()));

        Assert.Equal("7", await ordering.Client.GetStringAsync(new Uri("/orders/7", UriKind.Relative)));

        // The span of a request ends after its answer; a service that stops has ended them all.
        await ordering.StopAsync();
        await catalog.StopAsync();

        // The recorders of both hosts hear the sources of the whole process, this test's traces are told by their root.
        var trace = spans.Ended.First(span => span.DisplayName == "GET /orders/{id}").TraceId;
        var names = spans.Ended.Where(span => span.TraceId == trace).Select(span => span.DisplayName);
        Assert.Equal(["GET", "GET /orders/{id}", "GET /products/{id}", "look up"], names.Distinct().Order());
        var served = spans.Ended.First(span => span.TraceId == trace && span.DisplayName == "GET /products/{id}");
        Assert.Equal(200, served.GetTagItem("http.response.status_code"));
        Assert.Equal("/products/{id}", served.GetTagItem("http.route"));
    }

    [Fact]
    public async Task Probes_leave_no_trace_and_neither_does_what_they_cause()
    {
        var spans = new Recorder();
        await using var service = await TinyService.StartAsync(
            app => app.MapGet("/real", () => "x").AllowAnonymous(),
            builder =>
            {
                spans.Record(builder);
                builder.Services.AddHealthChecks().AddCheck("database", () =>
                {
                    using var span = Work.StartActivity("probe query");
                    return HealthCheckResult.Healthy();
                });
            });

        var health = await service.Client.GetStringAsync(new Uri("/health", UriKind.Relative));
        await service.Client.GetStringAsync(new Uri("/alive", UriKind.Relative));
        await service.Client.GetStringAsync(new Uri("/real", UriKind.Relative));
        await service.StopAsync();

        Assert.Equal("""{"status":"Healthy","checks":{"database":"Healthy","self":"Healthy"}}""", Sorted(health));
        var exported = spans.Ended.Where(span => span.Recorded).Select(span => span.DisplayName).ToList();
        Assert.Contains("GET /real", exported);
        Assert.DoesNotContain("probe query", exported);
        Assert.DoesNotContain(exported, name => name.Contains("health", StringComparison.Ordinal)
            || name.Contains("alive", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Not_ready_is_503_while_alive_is_not_asked_about_others()
    {
        await using var service = await TinyService.StartAsync(
            map: null,
            builder => builder.Services.AddHealthChecks().AddCheck("database", () => HealthCheckResult.Unhealthy()));

        using var ready = await service.Client.GetAsync(new Uri("/health", UriKind.Relative));
        using var alive = await service.Client.GetAsync(new Uri("/alive", UriKind.Relative));

        Assert.Equal((503, 200), ((int)ready.StatusCode, (int)alive.StatusCode));
        Assert.Equal(
            """{"status":"Healthy","checks":{"self":"Healthy"}}""", await alive.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Traces_metrics_and_logs_reach_the_address_of_the_host_before_it_is_gone()
    {
        var signals = new ConcurrentDictionary<string, string>();
        await using var receiver = await TinyService.StartPlainAsync(app => app.Run(context =>
        {
            signals[context.Request.Path] = context.Request.Headers["x-otlp-api-key"].ToString();
            return Task.CompletedTask;
        }));
        await using (var service = await TinyService.StartAsync(
            app => app.MapGet("/real", (ILogger<TelemetryTests> log) => log.LogInformation("Said.")).AllowAnonymous(),
            configure: null,
            ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.Urls.Single()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-otlp-api-key=key")))
        {
            await service.Client.GetStringAsync(new Uri("/real", UriKind.Relative));
        }

        Assert.Equal(["/v1/logs", "/v1/metrics", "/v1/traces"], signals.Keys.Order());
        Assert.All(signals.Values, key => Assert.Equal("key", key));
    }

    private static string Sorted(string health) => health.Replace(
        """{"self":"Healthy","database":"Healthy"}""",
        """{"database":"Healthy","self":"Healthy"}""",
        StringComparison.Ordinal);

    private sealed class CatalogClient(HttpClient http)
    {
        public HttpClient Http => http;
    }

    private sealed class Recorder : BaseProcessor<Activity>
    {
        private readonly ConcurrentQueue<Activity> _ended = new();

        public IEnumerable<Activity> Ended => _ended;

        public void Record(WebApplicationBuilder builder) =>
            builder.Services.ConfigureOpenTelemetryTracerProvider(tracing => tracing.AddProcessor(this));

        public override void OnEnd(Activity data) => _ended.Enqueue(data);
    }
}
