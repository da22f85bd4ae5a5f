using System.Collections.Concurrent;
using System.Text;
using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Aspire.Hosting.Orchestration;

/// <summary>
/// Keeps the output of every instance in a file and shows it with its name in front; prints the table of resources when
/// everything has settled, and again when that has changed. Under a test it only keeps the files.
/// </summary>
internal sealed class ResourceConsole(
    DistributedApplicationModel model,
    ResourceNotificationService notifications,
    ResourceLoggerService loggers,
    HostSettings settings,
    TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(300);

    private readonly ConcurrentDictionary<string, LogFile> _files = new();
    private readonly Lock _gate = new();

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(settings.LogsDirectory);
        loggers.LineWritten += Write;
        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        loggers.LineWritten -= Write;
        foreach (var file in _files.Values) file.Writer.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (settings.IsTest) return;

        var shown = "";
        try
        {
            using var tick = new PeriodicTimer(Settle, clock);
            while (await tick.WaitForNextTickAsync(stoppingToken))
            {
                var states = Shown(); // Taken once: they go on changing while the table is made.
                if (!states.All(IsSettled)) continue;

                var table = Table(states);
                if (table == shown) continue;
                shown = table;
                Console.Out.WriteLine(shown);
            }
        }
        catch (OperationCanceledException)
        {
            // The application ends.
        }
    }

    private void Write(string resourceId, LogLine line)
    {
        var file = _files.GetOrAdd(resourceId, Open);
        lock (file.Writer) file.Writer.WriteLine(line.Content);
        if (settings.IsTest) return;

        lock (_gate) Console.Out.WriteLine($"{file.Label,-16} | {line.Content}");
    }

    private LogFile Open(string resourceId)
    {
        var resource = model.Resources.FirstOrDefault(r => r.InstanceIds().Contains(resourceId));
        var label = resource is null ? resourceId : HostSettings.Label(resource, resourceId);
        var stream = new FileStream(
            Path.Combine(settings.LogsDirectory, $"{label}.log"),
            FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        return new(label, new StreamWriter(stream) { AutoFlush = true });
    }

    private ResourceEvent[] Shown() =>
        [.. notifications.CurrentStates.Where(s => s.Resource is not ParameterResource && !s.Snapshot.IsHidden)];

    private static bool IsSettled(ResourceEvent s) =>
        s.Snapshot.State?.Text is { } state
        && state != KnownResourceStates.Starting && state != KnownResourceStates.Waiting
        && state != KnownResourceStates.Stopping
        && (state != KnownResourceStates.Running || s.Snapshot.HealthStatus == HealthStatus.Healthy);

    private string Table(ResourceEvent[] states)
    {
        var order = model.Resources.Select((resource, index) => (resource, index))
            .ToDictionary(r => r.resource, r => r.index);
        var table = new StringBuilder($"\n  {"RESOURCE",-20}{"STATE",-28}ADDRESS\n");
        foreach (var s in states.OrderBy(s => order.GetValueOrDefault(s.Resource)))
        {
            var state = s.Snapshot.State!.Text;
            var crashed = s.Snapshot is { ExitCode: not null, State.Style: var style }
                && style == KnownResourceStateStyles.Error;
            table.Append($"  {HostSettings.Label(s.Resource, s.ResourceId),-20}");
            table.Append($"{(crashed ? $"{state} (exit code {s.Snapshot.ExitCode})" : state),-28}");
            table.Append($"{string.Join(' ', s.Snapshot.Urls.Select(u => u.Url))}\n");
        }

        return table.ToString();
    }

    private sealed record LogFile(string Label, StreamWriter Writer);
}
