using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Shop.Tests.StandIns.Clients;

/// <summary>
/// https://github.com/open-telemetry/opentelemetry-dotnet/blob/main/src/OpenTelemetry.Extensions.Hosting/README.md:
/// the providers begin with the host, before its other services, and send what is left when it is disposed.
/// </summary>
public sealed class OpenTelemetryHostingTests
{
    private static readonly ActivitySource Source = new("Shop.Tests.Hosting");

    [Fact]
    public async Task Spans_of_other_hosted_services_are_seen_and_all_are_sent_at_the_end()
    {
        var exporter = new Exporter();
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddHostedService<Working>();
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddAttributes([new("service.name", "tiny")]))
            .WithTracing(tracing => tracing
                .AddSource(Source.Name)
                .AddProcessor(new BatchActivityExportProcessor(exporter, scheduledDelayMilliseconds: 600_000)));
        using (var host = builder.Build())
        {
            await host.StartAsync();
            await host.StopAsync();
        }

        Assert.Equal(["at start"], exporter.Names);
        Assert.Equal("tiny", exporter.ServiceName);
    }

    [Fact]
    public void Adding_it_twice_configures_one_provider()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddOpenTelemetry().WithTracing(tracing => tracing.AddSource("a"));
        var hosted = builder.Services.Count(service => service.ServiceType == typeof(IHostedService));

        builder.Services.AddOpenTelemetry().WithTracing(tracing => tracing.AddSource("b")).WithMetrics(_ => { });

        Assert.Equal(hosted, builder.Services.Count(service => service.ServiceType == typeof(IHostedService)));
        using var host = builder.Build();
        Assert.Single(host.Services.GetServices<TracerProvider>());
        Assert.Single(host.Services.GetServices<MeterProvider>());
    }

    private sealed class Working : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            Source.StartActivity("at start")?.Dispose();
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class Exporter : BaseExporter<Activity>
    {
        public List<string> Names { get; } = [];

        public object? ServiceName { get; private set; }

        public override ExportResult Export(in Batch<Activity> batch)
        {
            foreach (var activity in batch) Names.Add(activity.DisplayName);
            ServiceName = ParentProvider.GetResource().Attributes.Single(a => a.Key == "service.name").Value;
            return ExportResult.Success;
        }
    }
}
