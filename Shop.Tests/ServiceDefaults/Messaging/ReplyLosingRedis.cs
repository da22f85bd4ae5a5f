using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>
/// Stands between a client and Redis. When told to, it passes the next such command on, waits for the server's answer,
/// and cuts the connection instead of passing that back: the client can't know that it was done.
/// </summary>
internal sealed class ReplyLosingRedis : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly (string Host, int Port) _redis;
    private readonly Task _accepting;
    private byte[]? _armed;
    private int _lost;

    /// <param name="connectionString">Of the real one: its first part is <c>host:port</c>.</param>
    public ReplyLosingRedis(string connectionString)
    {
        var parts = connectionString.Split(',');
        var address = parts[0].Split(':');
        _redis = (address[0], int.Parse(address[1], CultureInfo.InvariantCulture));
        _listener.Start();
        _accepting = AcceptAsync();
        var port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        ConnectionString = string.Join(',', parts.Skip(1).Prepend($"127.0.0.1:{port}"));
    }

    public string ConnectionString { get; }

    public int Lost => Volatile.Read(ref _lost);

    public void LoseNextReplyTo(string command) =>
        Volatile.Write(ref _armed, Encoding.ASCII.GetBytes($"\r\n{command}\r\n"));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

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
            await server.ConnectAsync(_redis.Host, _redis.Port, _stop.Token);
            using var cut = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            var link = new Link();
            await Task.WhenAll(
                PumpAsync(client, server, link, toServer: true, cut),
                PumpAsync(server, client, link, toServer: false, cut));
        }
    }

    private async Task PumpAsync(TcpClient from, TcpClient to, Link link, bool toServer, CancellationTokenSource cut)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, cut.Token) is > 0 and var count)
            {
                if (toServer && IsWanted(buffer.AsSpan(0, count))) link.IsLosing = true;
                if (!toServer && link.IsLosing)
                {
                    Interlocked.Increment(ref _lost);
                    break;
                }

                await to.GetStream().WriteAsync(buffer.AsMemory(0, count), cut.Token);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
        {
            // One side is gone; the other is cut below.
        }

        await cut.CancelAsync();
    }

    private bool IsWanted(ReadOnlySpan<byte> sent) =>
        Volatile.Read(ref _armed) is { } armed && sent.IndexOf(armed) >= 0
        && Interlocked.CompareExchange(ref _armed, null, armed) == armed;

    private sealed class Link
    {
        public volatile bool IsLosing;
    }
}
