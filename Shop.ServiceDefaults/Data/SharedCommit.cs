using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Shop.ServiceDefaults.Data;

/// <summary>
/// Many requests, one transaction. Callers queue their item; one flusher takes what has arrived while the last flush
/// was committing and runs it as one batch, so a lone item waits for nobody and there is no timer. When a batch fails,
/// its items are run one by one, so that one bad item fails only its own caller; a lone item is run again only where
/// its connection was lost, perhaps after its COMMIT. A database that is away, or a lock that is not given, fails all
/// that are left.
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
        var answers = await RunAllAsync([item], ct);
        return answers[0].Get();
    }

    /// <summary>As <see cref="RunAsync"/> for each item, and wakes the caller once, when all have ended.</summary>
    public async Task<IReadOnlyList<Answer>> RunAllAsync(IReadOnlyList<TItem> items, CancellationToken ct)
    {
        if (items.Count == 0) return [];
        var caller = new Caller(items.Count);
        var queued = 0;
        try
        {
            for (; queued < items.Count; queued++)
            {
                await _queue.Writer.WriteAsync(new(items[queued], caller, queued), ct);
            }
        }
        catch (ChannelClosedException)
        {
            // The host stops. Those that were queued before may be committed, and their answers count.
            for (var i = queued; i < items.Count; i++) caller.End(i, Answer.Cancelled);
        }

        return await caller.Answers.WaitAsync(ct);
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
            foreach (var left in batch) left.End(Answer.Cancelled);
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
        while (_queue.Reader.TryRead(out var pending)) pending.End(Answer.Cancelled);
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
            if (batch.Count == 1 && !IsOutage(e)) batch[0].End(new(default, e));
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
                batch[i].End(new(default, e));
                if (!IsOutage(e) && !IsSlow(e)) continue;

                // The others would only wait for the same unreachable or overloaded database or perhaps the same lock,
                // as long as this one did, and new callers behind them.
                foreach (var rest in batch.Skip(i + 1)) rest.End(new(default, e));
                return;
            }
        }
    }

    // A server that shuts down may say so after it has committed.
    private static bool IsOutage(Exception e) => e is NpgsqlException and (not PostgresException
        or PostgresException { SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown });

    // A lock was not to be had in time, or a statement took too long.
    private static bool IsSlow(Exception e) =>
        e is DatabaseBusyException or PostgresException { SqlState: PostgresErrorCodes.QueryCanceled };

    private async Task AnswerAsync(List<Pending> batch, CancellationToken ct)
    {
        var results = await flush(batch.ConvertAll(pending => pending.Item), ct);
        if (results.Count != batch.Count)
        {
            throw new InvalidOperationException($"{batch.Count} items were flushed and {results.Count} answered.");
        }

        for (var i = 0; i < batch.Count; i++) batch[i].End(new(results[i], null));
    }

    /// <summary>How one item ended.</summary>
    /// <param name="Value">What the flush answered for it.</param>
    /// <param name="Failure">Null where there is a value.</param>
    public sealed record Answer(TResult? Value, Exception? Failure)
    {
        internal static Answer Cancelled => new(default, new TaskCanceledException());

        /// <summary>The value; throws what the item failed with.</summary>
        public TResult Get()
        {
            if (Failure is not null) ExceptionDispatchInfo.Throw(Failure);
            return Value!;
        }
    }

    private readonly record struct Pending(TItem Item, Caller Caller, int Index)
    {
        public void End(Answer answer) => Caller.End(Index, answer);
    }

    private sealed class Caller(int items)
    {
        private readonly Answer?[] _answers = new Answer?[items];

        private readonly TaskCompletionSource<IReadOnlyList<Answer>> _all =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        private int _open = items;

        public Task<IReadOnlyList<Answer>> Answers => _all.Task;

        /// <summary>The first answer counts. Never called for one item from two threads.</summary>
        public void End(int index, Answer answer)
        {
            if (_answers[index] is not null) return;
            _answers[index] = answer;
            if (Interlocked.Decrement(ref _open) == 0) _all.SetResult(_answers!);
        }
    }
}
