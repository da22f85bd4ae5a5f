using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Aspire.Hosting.ApplicationModel;

public readonly record struct LogLine(int LineNumber, string Content, bool IsErrorMessage);

/// <summary>The output of every instance: the last lines are kept, and whoever watches gets the next ones.</summary>
public class ResourceLoggerService
{
    private readonly ConcurrentDictionary<string, ResourceLog> _logs = new();

    /// <summary>Called for every line with the id of its instance; the console and the log files hang here.</summary>
    internal event Action<string, LogLine>? LineWritten;

    public ILogger GetLogger(IResource resource) => new ResourceLogger(this, resource.InstanceIds);

    public ILogger GetLogger(string resourceName) => new ResourceLogger(this, () => [resourceName]);

    public IAsyncEnumerable<IReadOnlyList<LogLine>> WatchAsync(IResource resource) => WatchAllAsync(resource);

    public IAsyncEnumerable<IReadOnlyList<LogLine>> WatchAsync(string resourceName) => Log(resourceName).WatchAsync();

    public async IAsyncEnumerable<IReadOnlyList<LogLine>> GetAllAsync(IResource resource)
    {
        foreach (var id in resource.InstanceIds()) yield return Log(id).Kept();
        await Task.CompletedTask;
    }

    public async IAsyncEnumerable<IReadOnlyList<LogLine>> GetAllAsync(string resourceName)
    {
        yield return Log(resourceName).Kept();
        await Task.CompletedTask;
    }

    internal void Write(string resourceId, string content, bool isError) =>
        LineWritten?.Invoke(resourceId, Log(resourceId).Add(content, isError));

    private ResourceLog Log(string id) => _logs.GetOrAdd(id, _ => new ResourceLog());

    private async IAsyncEnumerable<IReadOnlyList<LogLine>> WatchAllAsync(
        IResource resource, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var merged = Channel.CreateUnbounded<IReadOnlyList<LogLine>>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var readers = resource.InstanceIds().Select(async id =>
        {
            await foreach (var lines in Log(id).WatchAsync(stop.Token)) merged.Writer.TryWrite(lines);
        }).ToArray();
        try
        {
            await foreach (var lines in merged.Reader.ReadAllAsync(cancellationToken)) yield return lines;
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(readers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private sealed class ResourceLog
    {
        private const int KeptLines = 10_000;

        private readonly Queue<LogLine> _kept = [];
        private readonly List<ChannelWriter<LogLine>> _watchers = [];
        private int _count;

        public LogLine Add(string content, bool isError)
        {
            lock (_kept)
            {
                var line = new LogLine(++_count, content, isError);
                _kept.Enqueue(line);
                if (_kept.Count > KeptLines) _kept.Dequeue();
                foreach (var watcher in _watchers) watcher.TryWrite(line);
                return line;
            }
        }

        public IReadOnlyList<LogLine> Kept()
        {
            lock (_kept) return [.. _kept];
        }

        public async IAsyncEnumerable<IReadOnlyList<LogLine>> WatchAsync(
            [EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            var channel = Channel.CreateUnbounded<LogLine>();
            lock (_kept)
            {
                foreach (var line in _kept) channel.Writer.TryWrite(line);
                _watchers.Add(channel.Writer);
            }

            try
            {
                while (await channel.Reader.WaitToReadAsync(cancellationToken))
                {
                    var batch = new List<LogLine>();
                    while (channel.Reader.TryRead(out var line)) batch.Add(line);
                    yield return batch;
                }
            }
            finally
            {
                lock (_kept) _watchers.Remove(channel.Writer);
            }
        }
    }

    private sealed class ResourceLogger(ResourceLoggerService log, Func<IReadOnlyList<string>> ids) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            var text = formatter(state, exception) + (exception is null ? "" : $"\n{exception}");
            foreach (var id in ids()) log.Write(id, text, logLevel >= LogLevel.Error);
        }
    }
}
