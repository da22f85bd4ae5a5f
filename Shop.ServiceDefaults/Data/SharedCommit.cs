using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Shop.ServiceDefaults.Data;

/// <summary>
/// Many requests, one transaction. Callers queue their item; one flusher takes what has arrived while the last flush
/// was committing and runs it as one batch, so a lone item waits for nobody and there is no timer. When a batch fails,
/// its items are run one by one, so that one bad item fails only its own caller; a lone item is run again only where
/// its connection was lost, perhaps after its COMMIT. A database that is away fails all.
/// </summary>
/// <param name="flush">
/// Commits a batch and answers a result for every item, in order. It must be idempotent by the items' ids: after a
/// failure, also one at COMMIT whose outcome is unknown, each item is run again alone.
/// </param>
public sealed class SharedCommit<TItem, TResult>(
    Func<IReadOnlyList<TItem>, CancellationToken, Task<IReadOnlyList<TResult>>> flush) : BackgroundService
{
    private const int MaxBatch = 256;
    private const int MaxQueued = 4_096;

    private readonly Channel<Pending> _queue = Channel.CreateBounded<Pending>(
        new BoundedChannelOptions(MaxQueued) { SingleReader = true });

    /// <summary>
    /// Queues the item and answers its own result once its transaction is committed. Cancelling stops the wait, not
    /// the work: an item that is queued may still be committed.
    /// </summary>
    public async Task<TResult> RunAsync(TItem item, CancellationToken ct)
    {
        var pending = new Pending(item, new(TaskCreationOptions.RunContinuationsAsynchronously));
        await _queue.Writer.WriteAsync(pending, ct);
        return await pending.Answer.Task.WaitAsync(ct);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var batch = new List<Pending>(MaxBatch);
        try
        {
            while (await _queue.Reader.WaitToReadAsync(stoppingToken))
            {
                // Lets requests that are runnable now join this batch instead of waiting for the next.
                await Task.Yield();
                while (batch.Count < MaxBatch && _queue.Reader.TryRead(out var pending)) batch.Add(pending);
                await FlushAsync(batch, stoppingToken);
                batch.Clear();
            }
        }
        finally
        {
            foreach (var left in batch) left.Answer.TrySetCanceled(CancellationToken.None);
            CancelQueued();
        }
    }

    /// <summary>Also where the host stops before the flusher began: nobody would ever answer the queued ones.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        CancelQueued();
    }

    private void CancelQueued()
    {
        _queue.Writer.TryComplete();
        while (_queue.Reader.TryRead(out var pending)) pending.Answer.TrySetCanceled(CancellationToken.None);
    }

    private async Task FlushAsync(List<Pending> batch, CancellationToken ct)
    {
        try
        {
            await AnswerAsync(batch, ct);
        }
        catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            // A refusal of one item alone is its answer; a lost connection may have been lost after its COMMIT.
            if (batch.Count == 1 && !IsOutage(e)) batch[0].Answer.TrySetException(e);
            else await RunOneByOneAsync(batch, ct);
        }
    }

    private async Task RunOneByOneAsync(List<Pending> batch, CancellationToken ct)
    {
        for (var i = 0; i < batch.Count; i++)
        {
            try
            {
                await AnswerAsync([batch[i]], ct);
            }
            catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
            {
                batch[i].Answer.TrySetException(e);
                if (!IsOutage(e)) continue;

                // The others would only wait for the same unreachable database, and new callers behind them.
                foreach (var rest in batch.Skip(i + 1)) rest.Answer.TrySetException(e);
                return;
            }
        }
    }

    private static bool IsOutage(Exception e) => e is NpgsqlException and not PostgresException;

    private async Task AnswerAsync(List<Pending> batch, CancellationToken ct)
    {
        var results = await flush(batch.ConvertAll(pending => pending.Item), ct);
        if (results.Count != batch.Count)
        {
            throw new InvalidOperationException($"{batch.Count} items were flushed and {results.Count} answered.");
        }

        for (var i = 0; i < batch.Count; i++) batch[i].Answer.TrySetResult(results[i]);
    }

    private sealed record Pending(TItem Item, TaskCompletionSource<TResult> Answer);
}
