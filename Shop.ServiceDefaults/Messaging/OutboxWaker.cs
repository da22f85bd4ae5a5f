using System.Threading.Channels;
using Dapper;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using OpenTelemetry;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Tells the relay of this database, wherever it runs, that there is something to send. NOTIFY inside a transaction
/// would serialise all commits of the database, so it goes out by itself after the commit; many commits share one.
/// A lost one costs nothing but the relay's next poll.
/// </summary>
public sealed partial class OutboxWaker<TDb>(
    NpgsqlDataSource source, MessagingOptions options, TimeProvider clock, ILogger<OutboxWaker<TDb>> log)
    : BackgroundService
{
    internal const string Channel = "outbox";

    private const string NotifySql = $"select {Unflushed.Commit}, pg_notify('{Channel}', '')";

    private readonly Channel<bool> _signal = System.Threading.Channels.Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private int _events;

    /// <summary>Never blocks and never fails.</summary>
    /// <param name="events">How many the commit has brought.</param>
    public void Wake(int events)
    {
        Interlocked.Add(ref _events, events);
        _signal.Writer.TryWrite(true);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var quiet = SuppressInstrumentationScope.Begin();
        try
        {
            await foreach (var _ in _signal.Reader.ReadAllAsync(stoppingToken))
            {
                var events = Interlocked.Exchange(ref _events, 0);
                await NotifyAsync(stoppingToken);
                // The relay rests as long after what it was woken for.
                await Task.Delay(options.RelayPause(events), clock, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The relay finds by itself what is left.
        }
    }

    private async Task NotifyAsync(CancellationToken ct)
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(ct);
            await connection.ExecuteAsync(new CommandDefinition(NotifySql, cancellationToken: ct));
        }
        catch (NpgsqlException e)
        {
            NotWoken(log, e.Message);
        }
    }

    [LoggerMessage(LogLevel.Debug, "The relay was not woken and will find the events at its next poll: {Reason}")]
    private static partial void NotWoken(ILogger log, string reason);
}
