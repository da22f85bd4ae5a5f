using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Aspire.Hosting.Orchestration;

/// <summary>
/// One public port of the loopback in front of the ports of all instances. Each connection goes to the next instance in
/// turn; one that refuses is skipped. Bytes are passed on unread, so a kept connection stays with its instance.
/// </summary>
internal sealed class ConnectionBalancer : IAsyncDisposable
{
    private const int Backlog = 512;
    private const int BufferBytes = 16 * 1024;

    private readonly List<Socket> _listeners = [];
    private readonly List<Task> _accepting = [];
    private readonly ConcurrentDictionary<Socket, byte> _open = new();
    private readonly CancellationTokenSource _stopping = new();
    private volatile int[] _targets = [];
    private uint _next;

    private ConnectionBalancer()
    {
    }

    public int Port { get; private set; }

    /// <param name="port">0 takes a free one.</param>
    public static ConnectionBalancer Listen(int port)
    {
        var balancer = new ConnectionBalancer();
        balancer.Bind(IPAddress.Loopback, port);

        // "localhost" means either family to a client; where IPv6 is off, or this port is taken there, one is enough.
        if (Socket.OSSupportsIPv6)
        {
            try
            {
                balancer.Bind(IPAddress.IPv6Loopback, balancer.Port);
            }
            catch (SocketException)
            {
            }
        }

        foreach (var listener in balancer._listeners) balancer._accepting.Add(balancer.AcceptAsync(listener));
        return balancer;
    }

    public void Add(int targetPort)
    {
        lock (_listeners) _targets = [.. _targets, targetPort];
    }

    public void Remove(int targetPort)
    {
        lock (_listeners) _targets = [.. _targets.Where(t => t != targetPort)];
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        foreach (var listener in _listeners) listener.Dispose();
        await Task.WhenAll(_accepting);
        foreach (var socket in _open.Keys) socket.Dispose();
        _stopping.Dispose();
    }

    private void Bind(IPAddress address, int port)
    {
        var listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(new IPEndPoint(address, port));
            listener.Listen(Backlog);
        }
        catch (SocketException)
        {
            listener.Dispose();
            throw;
        }

        Port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        _listeners.Add(listener);
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var client = await listener.AcceptAsync(_stopping.Token);
                _ = ServeAsync(client); // Ends with its connection and lets no exception out.
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException)
            {
                // The client left between connecting and being accepted.
            }
        }
    }

    private async Task ServeAsync(Socket client)
    {
        _open.TryAdd(client, 0);
        Socket? server = null;
        try
        {
            client.NoDelay = true;
            server = await ConnectAsync();
            if (server is null)
            {
                client.LingerState = new LingerOption(true, 0); // A reset: nobody is there.
                return;
            }

            _open.TryAdd(server, 0);
            await Task.WhenAll(PassAsync(client, server), PassAsync(server, client));
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
        {
            // One side broke off; the other learns it from its own socket closing below.
        }
        finally
        {
            _open.TryRemove(client, out _);
            client.Dispose();
            if (server is not null)
            {
                _open.TryRemove(server, out _);
                server.Dispose();
            }
        }
    }

    private async Task<Socket?> ConnectAsync()
    {
        var targets = _targets;
        for (var i = 0; i < targets.Length; i++)
        {
            var target = targets[Interlocked.Increment(ref _next) % targets.Length];
            var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, target);
                return server;
            }
            catch (SocketException)
            {
                server.Dispose(); // Not up yet, or just gone: the next one.
            }
        }

        return null;
    }

    private static async Task PassAsync(Socket from, Socket to)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer)) > 0)
            {
                for (var sent = 0; sent < read;) sent += await to.SendAsync(buffer.AsMemory(sent, read - sent));
            }

            to.Shutdown(SocketShutdown.Send); // Half closed: the answer may still be on its way back.
        }
        catch (Exception)
        {
            // A broken direction ends both: the other one would wait for bytes that never come.
            from.Dispose();
            to.Dispose();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
