using System.Collections.Concurrent;
using System.Threading.Channels;
using Npgsql;
using Shop.ServiceDefaults.Data;

namespace Shop.Ordering.Orders;

/// <summary>
/// Tells the calls of this process when an order has left PAYMENT_PENDING, whoever settled it: one query for all of
/// them, and none while nobody waits.
/// </summary>
internal sealed partial class OrderWatchService(
    Database<OrderingDb> database, OrderingOptions options, TimeProvider clock, ILogger<OrderWatchService> log)
    : BackgroundService
{
    private const string SettledSql =
        "select id from orders where id = any(@Ids) and status <> 'PAYMENT_PENDING'";

    private readonly ConcurrentDictionary<Guid, Waiting> _waiting = [];
    private readonly Channel<bool> _somebody = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>False where the time was over first.</summary>
    public async Task<bool> WaitAsync(Guid orderId, TimeSpan limit, CancellationToken ct)
    {
        var waiting = _waiting.AddOrUpdate(
            orderId, _ => new Waiting(1), (_, others) => others with { Calls = others.Calls + 1 });
        _somebody.Writer.TryWrite(true);
        try
        {
            await waiting.Settled.Task.WaitAsync(limit, clock, ct);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            Leave(orderId);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            if (_waiting.IsEmpty) await _somebody.Reader.ReadAsync(stoppingToken);
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (NpgsqlException e)
            {
                // The calls keep waiting within their limit and then answer 202.
                CouldNotLook(log, e);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(options.PollMilliseconds), clock, stoppingToken);
        }
    }

    private async Task LookAsync(CancellationToken ct)
    {
        var ids = _waiting.Keys.ToArray();
        if (ids.Length == 0) return;
        foreach (var id in await database.QueryAsync<Guid>(SettledSql, new { Ids = ids }, ct))
        {
            if (_waiting.TryGetValue(id, out var waiting)) waiting.Settled.TrySetResult();
        }
    }

    private void Leave(Guid orderId)
    {
        while (_waiting.TryGetValue(orderId, out var now))
        {
            var left = now.Calls > 1
                ? _waiting.TryUpdate(orderId, now with { Calls = now.Calls - 1 }, now)
                : _waiting.TryRemove(new KeyValuePair<Guid, Waiting>(orderId, now));
            if (left) return;
        }
    }

    private sealed record Waiting(int Calls)
    {
        public TaskCompletionSource Settled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    [LoggerMessage(LogLevel.Warning, "The orders that calls wait for could not be read")]
    private static partial void CouldNotLook(ILogger log, Exception e);
}
