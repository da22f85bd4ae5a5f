using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>
/// Stands between a client and PostgreSQL. When told to, it passes the next COMMIT on, waits for the server's answer,
/// and cuts the connection instead of passing that back: the client can't know that it is committed. Or it cuts the
/// connection before the COMMIT is passed on: the client knows as little, and nothing is kept.
/// </summary>
public sealed class CommitLosingProxy : IAsyncDisposable
{
    private static readonly byte[] Commit = "COMMIT"u8.ToArray();

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly NpgsqlConnectionStringBuilder _target;
    private readonly Task _accepting;
    private int _armed;
    private int _armedBefore;
    private int _lost;

    public CommitLosingProxy(string connectionString)
    {
        _target = new(connectionString);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string ConnectionString => new NpgsqlConnectionStringBuilder(_target.ConnectionString)
    {
        Host = "127.0.0.1",
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port,
        Pooling = true,
    }.ConnectionString;

    public int Lost => Volatile.Read(ref _lost);

    public void LoseNextCommit() => Volatile.Write(ref _armed, 1);

    public void CutBeforeNextCommit() => Volatile.Write(ref _armedBefore, 1);

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
            await server.ConnectAsync(_target.Host!, _target.Port, _stop.Token);
            using var cut = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            var losing = new StrongBox();
            await Task.WhenAll(
                PumpAsync(client, server, losing, toServer: true, cut),
                PumpAsync(server, client, losing, toServer: false, cut));
        }
    }

    private async Task PumpAsync(
        TcpClient from, TcpClient to, StrongBox losing, bool toServer, CancellationTokenSource cut)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, cut.Token) is > 0 and var count)
            {
                if (toServer && buffer.AsSpan(0, count).IndexOf(Commit) >= 0)
                {
                    if (Interlocked.Exchange(ref _armedBefore, 0) == 1)
                    {
                        Interlocked.Increment(ref _lost);
                        break;
                    }

                    losing.Value |= Interlocked.Exchange(ref _armed, 0) == 1;
                }

                if (!toServer && losing.Value)
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

    private sealed class StrongBox
    {
        public volatile bool Value;
    }
}
