using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;
using StackExchange.Redis;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Reads one stream for one group while it holds that lease: first everything that was pending, whoever had it, then
/// what is new. When anything it stands on is lost, it lets go, pauses, and begins again with what is pending.
/// </summary>
internal sealed partial class StreamReader<TDb>(
    string stream, Subscriptions<TDb> group, Database<TDb> database, DeliveryRunner<TDb> runner,
    RedisStreams streams, MessagingOptions options, TimeProvider clock, ILogger log)
    where TDb : DbContext
{
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(10);

    private readonly string _consumer = Instance.NewName();
    private readonly Channel<bool> _news = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly HashSet<string> _unknownLogged = [];

    private readonly DeliveryBatch<TDb>? _batch =
        group.StoreMany is { } store ? new(group, store, database, log) : null;

    private Task<bool>? _nextNews;

    /// <summary>The leases of a group's readers have names that begin so and end with the stream.</summary>
    public static string LeasePrefix(string group) => $"reader:{group}:";

    /// <summary>Ends the pause before the next read. Never blocks and never fails.</summary>
    public void Wake() => _news.Writer.TryWrite(true);

    public async Task RunAsync(CancellationToken stopping)
    {
        var outage = new Outage($"{group.Name} on {stream}", options, log);
        var lease = new Lease(database.Source, LeasePrefix(group.Name) + stream, _consumer, options, clock);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                if (await lease.TryRunAsync((_, held) => ReadAsync(outage, held), stopping)) continue;
                outage.Succeeded();
                await Task.Delay(options.LeaseRenew, clock, stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Whatever it was, the group must go on. It is logged once, and what was not finished is still pending.
                await Delays.PauseAsync(outage.Failed(e), clock, stopping);
            }
        }
    }

    private async Task ReadAsync(Outage outage, CancellationToken held)
    {
        using var finishing = new CancellationTokenSource();
        using var lanes = new KeyedLanes(
            options.MaxInFlight,
            delivery => runner.RunAsync(delivery, () => EndAsync(delivery), held, finishing.Token));
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(held, lanes.Faulted);
        await using var grace = held.Register(() => finishing.CancelAfter(StopGrace));
        try
        {
            await streams.EnsureGroupAsync(stream, group.Name, reading.Token);
            await ReadPendingAsync(lanes, reading.Token);
            Reads(log, group.Name, stream);
            while (!reading.IsCancellationRequested)
            {
                var entries = await streams.ReadNewAsync(
                    stream, group.Name, _consumer, options.ReadBatch, reading.Token);
                outage.Succeeded();
                if (entries.Count > 0) await DispatchAsync(entries, lanes, reading.Token);
                // Less than a batch was all there was; what came since then has woken this reader.
                if (entries.Count < options.ReadBatch) await WaitAsync(reading.Token);
            }
        }
        catch (OperationCanceledException) when (reading.IsCancellationRequested)
        {
            // Stopped, lost the lease, or a delivery failed for want of the database: CloseAsync throws that.
        }
        finally
        {
            await CloseAsync(lanes, held);
        }
    }

    /// <summary>Waits for a wake-up or the time of a poll. One wait for news outlives many polls.</summary>
    private async Task WaitAsync(CancellationToken ct)
    {
        _nextNews ??= _news.Reader.WaitToReadAsync(CancellationToken.None).AsTask();
        await Task.WhenAny(
            _nextNews, Task.Delay(TimeSpan.FromMilliseconds(options.ReaderPollMilliseconds), clock, ct));
        if (!_nextNews.IsCompleted) return;

        _news.Reader.TryRead(out _);
        _nextNews = null;
    }

    private static async Task CloseAsync(KeyedLanes lanes, CancellationToken held)
    {
        try
        {
            await lanes.CloseAsync();
        }
        catch (OperationCanceledException) when (held.IsCancellationRequested)
        {
            // Deliveries that were waiting for another try: still pending, so the next reader gets them.
        }
    }

    private async Task ReadPendingAsync(KeyedLanes lanes, CancellationToken ct)
    {
        var next = "0-0";
        do
        {
            (next, var entries) = await streams.ClaimAsync(
                stream, group.Name, _consumer, next, options.ReadBatch, ct);
            await DispatchAsync(entries, lanes, ct);
        }
        while (next != "0-0");

        await streams.RemoveOtherConsumersAsync(stream, group.Name, _consumer, ct);
    }

    private async Task DispatchAsync(IReadOnlyList<StreamEntry> entries, KeyedLanes lanes, CancellationToken ct)
    {
        var ended = new List<string>(entries.Count);
        var ours = new List<Delivery>(entries.Count);
        foreach (var entry in entries)
        {
            var wanted = Read(entry);
            ours.AddRange(wanted);
            if (wanted.Count == 0) ended.Add(entry.Id);
        }

        // One that is being tried again may have the key of another in the batch, which has to wait for it.
        if (_batch is not null && ours.Count > 0 && lanes.IsEmpty)
        {
            var left = await _batch.StoreAsync(ours, ct);
            var stored = ours.Except<Delivery>(left, ReferenceEqualityComparer.Instance);
            ended.AddRange(stored.Where(delivery => delivery.End()).Select(delivery => delivery.Entry.Id));
            ours = [.. left];
        }

        foreach (var delivery in ours) await lanes.AddAsync(delivery, ct);
        if (ended.Count > 0) await AckAsync(ended);
    }

    /// <summary>None: nothing for this group, so the entry is only acknowledged.</summary>
    private IReadOnlyList<Delivery> Read(StreamEntry entry)
    {
        var types = Wire.TypesOf(entry);
        foreach (var type in types)
        {
            if (!EventVocabulary.Knows(type) && _unknownLogged.Add(type)) UnknownType(log, type, stream, group.Name);
        }

        return types.Length == 0 || types.Any(group.ByType.ContainsKey)
            ? Wire.Read(stream, entry, group.ByType.ContainsKey, e => NotAnEvent(log, e, entry.Id, stream))
            : [];
    }

    private Task EndAsync(Delivery delivery) =>
        delivery.End() ? AckAsync([delivery.Entry.Id]) : Task.CompletedTask;

    private async Task AckAsync(IReadOnlyList<string> entryIds)
    {
        try
        {
            // Dying before this line: the entry stays pending and its redelivery finds the inbox row.
            Crash.At("reader:before-xack");
            await streams.AckAsync(stream, group.Name, entryIds, CancellationToken.None);
            Crash.At("reader:after-xack");
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new CommittedFailedException(e);
        }
    }

    [LoggerMessage(LogLevel.Information, "{Group} reads {Stream}")]
    private static partial void Reads(ILogger log, string group, string stream);

    [LoggerMessage(LogLevel.Error, "Entry {Id} of {Stream} has what is not an event")]
    private static partial void NotAnEvent(ILogger log, Exception e, string id, string stream);

    [LoggerMessage(LogLevel.Warning, "{Type} on {Stream} is unknown to this version; {Group} passes over it")]
    private static partial void UnknownType(ILogger log, string type, string stream, string group);
}
