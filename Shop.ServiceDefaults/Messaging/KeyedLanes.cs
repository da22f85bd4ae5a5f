namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Runs deliveries of different keys side by side and those of one key one after the other, in the order they were
/// added. Holds a bounded number: adding waits for room.
/// </summary>
/// <param name="run">Handles one delivery. If it throws, the lanes are faulted: nothing more is started.</param>
internal sealed class KeyedLanes(int capacity, Func<Delivery, Task> run) : IDisposable
{
    private readonly Dictionary<Guid, Queue<Delivery>> _lanes = [];
    private readonly SemaphoreSlim _room = new(capacity, capacity);
    private readonly CancellationTokenSource _faulted = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Exception? _fault;
    private bool _closing;

    /// <summary>Cancelled as soon as one delivery has thrown.</summary>
    public CancellationToken Faulted => _faulted.Token;

    public bool IsEmpty
    {
        get { lock (_lanes) return _lanes.Count == 0; }
    }

    public async Task AddAsync(Delivery delivery, CancellationToken ct)
    {
        await _room.WaitAsync(ct);
        lock (_lanes)
        {
            if (_lanes.TryGetValue(delivery.Envelope.Key, out var lane))
            {
                lane.Enqueue(delivery);
                return;
            }

            lane = new([delivery]);
            _lanes.Add(delivery.Envelope.Key, lane);
            _ = Task.Run(() => RunLaneAsync(delivery.Envelope.Key, lane), CancellationToken.None);
        }
    }

    /// <summary>Waits for what is running, starts nothing more, and throws what a delivery has thrown.</summary>
    public async Task CloseAsync()
    {
        lock (_lanes)
        {
            _closing = true;
            if (_lanes.Count == 0) _closed.TrySetResult();
        }

        await _closed.Task;
        if (_fault is not null) throw _fault;
    }

    public void Dispose()
    {
        _room.Dispose();
        _faulted.Dispose();
    }

    private async Task RunLaneAsync(Guid key, Queue<Delivery> lane)
    {
        while (Next(key, lane) is { } delivery)
        {
            try
            {
                await run(delivery);
            }
            catch (Exception e)
            {
                // Kept for CloseAsync, which the owner awaits.
                lock (_lanes) _fault ??= e;
                await _faulted.CancelAsync();
            }

            _room.Release();
        }
    }

    /// <summary>Null: the lane has ended, and what is left in it is not started.</summary>
    private Delivery? Next(Guid key, Queue<Delivery> lane)
    {
        lock (_lanes)
        {
            if (lane.Count > 0 && !_closing && _fault is null) return lane.Dequeue();

            _lanes.Remove(key);
            if (_closing && _lanes.Count == 0) _closed.TrySetResult();
            return null;
        }
    }
}
