using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;

namespace Shop.Bench;

/// <summary>What came back from one stretch of load.</summary>
internal sealed record LoadResult(
    double Seconds, long Placed, long Conflicts, Latencies Latencies, IReadOnlyDictionary<string, long> Errors)
{
    public double PerSecond => Placed / Seconds;
    public long ErrorCount => Errors.Values.Sum();
    public double ConflictRate => Conflicts == 0 ? 0 : (double)Conflicts / (Placed + Conflicts + ErrorCount);
}

/// <summary>As many buyers as connections, each sending its next order when the last one was answered.</summary>
/// <param name="address">Of Ordering.</param>
/// <param name="tokens">One a buyer.</param>
/// <param name="products">What is ordered, one unit of one of them at a time.</param>
internal sealed class ClosedLoop(Uri address, IReadOnlyList<string> tokens, IReadOnlyList<Guid> products) : IDisposable
{
    // Longer than the services' own limits: they answer first, with a problem that says what it was.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private readonly OrderRequest[] _buyers =
        [.. tokens.Select((token, i) => new OrderRequest(address, token, products, seed: i))];

    private readonly HttpConnection[] _connections = [.. tokens.Select(_ => new HttpConnection(address))];
    private long _answered;

    /// <summary>Runs for the time given, or until so many requests are answered.</summary>
    public async Task<LoadResult> RunAsync(
        string title, int seconds, CancellationToken ct, long requests = long.MaxValue)
    {
        _answered = 0;
        var left = requests;
        var started = Stopwatch.GetTimestamp();
        var until = started + seconds * Stopwatch.Frequency;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var progress = TellAsync(title, ended.Token);
        var parts = await Task.WhenAll(_buyers.Select((_, i) => Task.Run(() => BuyAsync(i), ct)));
        var elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        await ended.CancelAsync();
        await progress;

        var latencies = new Latencies();
        foreach (var part in parts) latencies.Add(part.Latencies);
        var errors = parts.SelectMany(part => part.Errors).GroupBy(e => e.Key)
            .ToDictionary(kind => kind.Key, kind => kind.Sum(e => e.Value));
        return new(elapsed, parts.Sum(p => p.Placed), parts.Sum(p => p.Conflicts), latencies, errors);

        async Task<Part> BuyAsync(int buyer)
        {
            var part = new Part();
            while (Stopwatch.GetTimestamp() < until && !ct.IsCancellationRequested
                && Interlocked.Decrement(ref left) >= 0)
            {
                await OrderAsync(buyer, part, ct);
                Interlocked.Increment(ref _answered);
            }

            return part;
        }
    }

    public void Dispose()
    {
        foreach (var connection in _connections) connection.Dispose();
    }

    private async Task OrderAsync(int buyer, Part part, CancellationToken ct)
    {
        var connection = _connections[buyer];
        var sent = Stopwatch.GetTimestamp();
        try
        {
            var (status, problem) = await connection.SendAsync(_buyers[buyer].Next(), ct).AsTask()
                .WaitAsync(Patience, ct);
            if (status == 201) part.Placed++;
            else if (status == 409) part.Conflicts++;
            else part.Fail($"{status} {TypeOf(problem)}".TrimEnd());
        }
        catch (Exception e) when (e is IOException or SocketException or TimeoutException)
        {
            // Counted by kind and told at the end; a broken connection is replaced.
            part.Fail(e.GetType().Name);
            connection.Dispose();
        }

        part.Latencies.Add(sent);
    }

    private async Task TellAsync(string title, CancellationToken ct)
    {
        using var second = new PeriodicTimer(TimeSpan.FromSeconds(1));
        var before = 0L;
        try
        {
            for (var n = 1; await second.WaitForNextTickAsync(ct); n++)
            {
                var now = Interlocked.Read(ref _answered);
                Say.Line($"  {title} {n,3} s  {now - before,7:N0}/s");
                before = now;
            }
        }
        catch (OperationCanceledException)
        {
            // The load has ended.
        }
    }

    private static string? TypeOf(string? problem)
    {
        try
        {
            using var json = JsonDocument.Parse(problem ?? "");
            return json.RootElement.TryGetProperty("type", out var type) ? type.GetString() : null;
        }
        catch (JsonException)
        {
            return null; // Not a problem of the services; its status says enough.
        }
    }

    private sealed class Part
    {
        public long Placed { get; set; }
        public long Conflicts { get; set; }
        public Latencies Latencies { get; } = new();
        public Dictionary<string, long> Errors { get; } = [];

        public void Fail(string kind) => Errors[kind] = Errors.GetValueOrDefault(kind) + 1;
    }
}
