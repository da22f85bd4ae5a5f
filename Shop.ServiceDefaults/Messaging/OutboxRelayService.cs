using Dapper;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using OpenTelemetry;
using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Carries the outbox of one database to the streams. Any number of processes may run it; one at a time holds the
/// lease. A holder that was paused and wakes up repeats what another has sent, which inboxes absorb, and then finds its
/// epoch gone.
/// </summary>
internal sealed partial class OutboxRelayService<TDb>(
    Database<TDb> database, EventPublisher publisher, MessagingOptions options, TimeProvider clock,
    ILogger<OutboxRelayService<TDb>> log) : BackgroundService
    where TDb : DbContext
{
    internal const string LeaseName = "relay";

    private const string CursorSql = "select last_id from leases where name = @name and epoch = @epoch";

    // Unflushed: a server that forgets where the cursor stood has the events after it sent again.
    private const string AdvanceSql = $"""
        with unflushed as materialized (select {Unflushed.Commit})
        update leases set last_id = @lastId, renewed_at = clock_timestamp()
          from unflushed
         where name = @name and epoch = @epoch
        """; // 0 rows: another process holds the lease.

    private const string ForgetSessionSql =
        "unlisten *; reset enable_seqscan; reset enable_bitmapscan; reset enable_sort";

    private static readonly TimeSpan UndecidedPause = TimeSpan.FromMilliseconds(2);

    private readonly string _holder = Instance.NewName();

    private int _notified;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var outage = new Outage($"The relay of {typeof(TDb).Name}", options, log);
        var lease = new Lease(database.Source, LeaseName, _holder, options, clock);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await lease.TryRunAsync((epoch, held) => RelayAsync(epoch, outage, held), stoppingToken)) continue;
                outage.Succeeded();
                await Task.Delay(options.LeaseRenew, clock, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Whatever it was, the relay must go on: nothing else carries the events. It is logged once.
                await Delays.PauseAsync(outage.Failed(e), clock, stoppingToken);
            }
        }
    }

    private async Task RelayAsync(long epoch, Outage outage, CancellationToken held)
    {
        await using var connection = await database.Source.OpenConnectionAsync(held);
        var reader = new OutboxReader(connection);
        await reader.PrepareAsync(held);
        connection.Notification += OnNotified;
        await connection.ExecuteAsync($"listen {OutboxWaker<TDb>.Channel}");
        Leads(log, typeof(TDb).Name, epoch);
        try
        {
            var name = LeaseName;
            var cursor = await connection.ExecuteScalarAsync<long?>(
                new CommandDefinition(CursorSql, new { name, epoch }, cancellationToken: held));
            while (cursor is { } after && !held.IsCancellationRequested)
            {
                cursor = await DrainAsync(connection, reader, epoch, after, held);
                outage.Succeeded();
                // What is committed in the meantime shares the next round, here and with every reader.
                if (cursor > after) await Task.Delay(options.RelayPause(cursor.Value - after), clock, held);
                if (cursor is not null) await WaitAsync(connection, reader, held);
            }
        }
        finally
        {
            connection.Notification -= OnNotified;
            // The pool does not reset sessions, and this one listens.
            if (connection.FullState == System.Data.ConnectionState.Open)
            {
                await connection.ExecuteAsync(ForgetSessionSql);
            }
        }
    }

    /// <summary>Sends what is decided. Answers where it came to, or null if the lease has another holder.</summary>
    private async Task<long?> DrainAsync(
        NpgsqlConnection connection, OutboxReader reader, long epoch, long cursor, CancellationToken held)
    {
        var decided = await reader.DecidedAsync(cursor, held);
        while (cursor < decided)
        {
            var records = await reader.ReadAsync(cursor, decided, options.RelayBatch, held);
            if (records.Count == 0) return decided; // Ids that were rolled back.

            // A batch that is begun is finished, also when the host stops: the commands have their own time limits.
            var sent = await publisher.PublishAsync(records, CancellationToken.None);
            if (sent == 0) return cursor;

            cursor = records[sent - 1].Id;
            // Dying before this line repeats the batch under the next holder, in the same order.
            if (!await AdvanceAsync(connection, epoch, cursor)) return null;
        }

        return cursor;
    }

    private static async Task<bool> AdvanceAsync(NpgsqlConnection connection, long epoch, long cursor)
    {
        using var quiet = SuppressInstrumentationScope.Begin();
        return await connection.ExecuteAsync(AdvanceSql, new { name = LeaseName, epoch, lastId = cursor }) > 0;
    }

    private async Task WaitAsync(NpgsqlConnection connection, OutboxReader reader, CancellationToken held)
    {
        // A notification may have come in with the answer of the last query.
        if (Interlocked.Exchange(ref _notified, 0) == 1) return;
        if (reader.HasUndecided) await Task.Delay(UndecidedPause, clock, held);
        else await connection.WaitAsync(TimeSpan.FromMilliseconds(options.RelayPollMilliseconds), held);
    }

    private void OnNotified(object sender, NpgsqlNotificationEventArgs notification) =>
        Interlocked.Exchange(ref _notified, 1);

    [LoggerMessage(LogLevel.Information, "The relay of {Database} leads, epoch {Epoch}")]
    private static partial void Leads(ILogger log, string database, long epoch);
}
