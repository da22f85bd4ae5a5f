using System.Net;
using System.Net.Sockets;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>
/// Stands between a client and a server and passes on what both say, until one says what the test waits for: then it
/// cuts that connection instead.
/// </summary>
public abstract class CuttingProxy : IAsyncDisposable
{
    // The longest text that is looked for, less one: the end of what was passed on before is seen again.
    private const int Overlap = 63;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly (string Host, int Port) _server;
    private readonly Task _accepting;
    private int _lost;

    protected CuttingProxy(string host, int port)
    {
        _server = (host, port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>How many connections were cut because of what was said on them.</summary>
    public int Lost => Volatile.Read(ref _lost);

    protected int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>True if this is not passed on, and its connection is cut.</summary>
    protected abstract bool Cuts(Connection connection, Said said);

    private async Task AcceptAsync()
    {
        var open = new List<Task>();
        try
        {
            while (true) open.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(open);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient();
        using (client)
        {
            if (!await TryConnectAsync(server)) return; // The client sees it too: its connection ends.

            using var cut = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            var connection = new Connection();
            await Task.WhenAll(
                PumpAsync(client, server, connection, byClient: true, cut),
                PumpAsync(server, client, connection, byClient: false, cut));
        }
    }

    private async Task<bool> TryConnectAsync(TcpClient server)
    {
        try
        {
            await server.ConnectAsync(_server.Host, _server.Port, _stop.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    private async Task PumpAsync(
        TcpClient from, TcpClient to, Connection connection, bool byClient, CancellationTokenSource cut)
    {
        var buffer = new byte[Overlap + (64 * 1024)];
        try
        {
            while (await from.GetStream().ReadAsync(buffer.AsMemory(Overlap), cut.Token) is > 0 and var count)
            {
                if (Cuts(connection, new(byClient, buffer.AsSpan(0, Overlap + count))))
                {
                    Interlocked.Increment(ref _lost);
                    break;
                }

                await to.GetStream().WriteAsync(buffer.AsMemory(Overlap, count), cut.Token);
                buffer.AsSpan(count, Overlap).CopyTo(buffer);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
        {
            // One side is gone; the other is cut below.
        }

        await cut.CancelAsync();
    }

    /// <summary>What a test remembers of one connection, for both of its directions.</summary>
    protected sealed class Connection
    {
        private volatile bool _isLosing;

        public bool IsLosing
        {
            get => _isLosing;
            set => _isLosing = value;
        }
    }

    /// <summary>A piece of what one side says. TCP cuts where it likes: a text may lie across two pieces.</summary>
    protected readonly ref struct Said(bool byClient, ReadOnlySpan<byte> overlapped)
    {
        private readonly ReadOnlySpan<byte> _overlapped = overlapped;

        public bool ByClient { get; } = byClient;

        /// <summary>True where the text ends in this piece, so once for each time it is said.</summary>
        public bool Ends(ReadOnlySpan<byte> text) => _overlapped[(Overlap + 1 - text.Length)..].IndexOf(text) >= 0;
    }
}
