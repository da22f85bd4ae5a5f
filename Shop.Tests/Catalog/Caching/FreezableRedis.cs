using System.Net;
using System.Net.Sockets;

namespace Shop.Tests.Catalog.Caching;

/// <summary>A way to Redis that can stop carrying anything, as if Redis hung: connections stay open.</summary>
internal sealed class FreezableRedis : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly EndPoint _redis;
    private readonly Task _accepting;
    private volatile bool _frozen;

    /// <param name="connectionString">Of the real one: its first part is <c>host:port</c>.</param>
    public FreezableRedis(string connectionString)
    {
        var address = connectionString.Split(',')[0].Split(':');
        _redis = new DnsEndPoint(address[0], int.Parse(address[1], System.Globalization.CultureInfo.InvariantCulture));
        _listener.Start();
        _accepting = AcceptAsync();
        var port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        ConnectionString = string.Join(',', connectionString.Split(',').Skip(1).Prepend($"127.0.0.1:{port}"));
    }

    public string ConnectionString { get; }

    public void Freeze() => _frozen = true;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var carrying = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                carrying.Add(CarryBothWaysAsync(client));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(carrying); // Stopped.
        }
    }

    private async Task CarryBothWaysAsync(TcpClient client)
    {
        using var _ = client;
        using var redis = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await redis.ConnectAsync(_redis, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            return; // Stopped while a client was coming back.
        }

        await Task.WhenAny(CarryAsync(client.Client, redis), CarryAsync(redis, client.Client));
    }

    private async Task CarryAsync(Socket from, Socket to)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, _stop.Token) is var count and > 0)
            {
                if (!_frozen) await to.SendAsync(buffer.AsMemory(0, count), _stop.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // One end is gone: the other is closed with it.
        }
    }
}
