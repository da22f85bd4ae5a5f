using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Makes the partitions of the next hours, in every process that has the database: the workers may be away for longer
/// than the hours ahead. Where it fails, the default partition takes the rows.
/// </summary>
internal sealed partial class PartitionService<TDb>(
    NpgsqlDataSource source, TimeProvider clock, ILogger<PartitionService<TDb>> log) : BackgroundService
{
    private const int HoursAhead = 3;

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    /// <summary>The current hour is there before the host serves.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await EnsureAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await EnsureAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task EnsureAsync(CancellationToken ct)
    {
        try
        {
            var left = await Partitions.EnsureAsync(source, clock.GetUtcNow(), HoursAhead, ct);
            if (left.Count > 0) Left(log, string.Join(", ", left));
        }
        catch (NpgsqlException e)
        {
            NotMade(log, e, typeof(TDb).Name);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The default partition keeps the rows of {Partitions}")]
    private static partial void Left(ILogger log, string partitions);

    [LoggerMessage(LogLevel.Warning, "Partitions of {Database} were not made; the default partition takes the rows")]
    private static partial void NotMade(ILogger log, Exception e, string database);
}
