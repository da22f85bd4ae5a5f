using System.Collections.Concurrent;

namespace Shop.Catalog.Caching;

/// <summary>
/// Those who ask for the same thing at the same time share one read of it, so that a popular entry that has just
/// expired costs one query and not a thousand.
/// </summary>
internal sealed class SingleFlight
{
    private readonly ConcurrentDictionary<string, Lazy<Task<object?>>> _flights = new();

    /// <param name="read">Runs to its end whoever goes away: it must not use what belongs to one request.</param>
    public async Task<T> RunAsync<T>(string key, Func<Task<T>> read, CancellationToken ct)
    {
        var own = new Lazy<Task<object?>>(() => RunAsync(read));
        var flight = _flights.GetOrAdd(key, own);
        if (ReferenceEquals(flight, own)) _ = RemoveAfterAsync(key, own);
        return (T)(await flight.Value.WaitAsync(ct))!;
    }

    private static async Task<object?> RunAsync<T>(Func<Task<T>> read) => await read();

    private async Task RemoveAfterAsync(string key, Lazy<Task<object?>> flight)
    {
        await flight.Value.ContinueWith(
            read => read.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        _flights.TryRemove(new(key, flight));
    }
}
