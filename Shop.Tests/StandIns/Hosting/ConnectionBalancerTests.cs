using System.Net;
using System.Net.Sockets;
using System.Text;
using Aspire.Hosting.Orchestration;

namespace Shop.Tests.StandIns.Hosting;

public sealed class ConnectionBalancerTests : IAsyncDisposable
{
    private readonly ConnectionBalancer _balancer = ConnectionBalancer.Listen(0);
    private readonly List<TcpListener> _servers = [];

    [Fact]
    public async Task Connections_go_to_the_instances_in_turn()
    {
        foreach (var name in (string[])["a", "b", "c"]) _balancer.Add(Serve(name));

        var answers = new List<string>();
        for (var i = 0; i < 6; i++) answers.Add(await AskAsync(""));

        Assert.Equal(["a:", "a:", "b:", "b:", "c:", "c:"], answers.Order());
    }

    [Fact]
    public async Task An_instance_that_refuses_is_skipped()
    {
        _balancer.Add(Serve("alive"));
        _balancer.Add(UnusedPort());

        for (var i = 0; i < 4; i++) Assert.Equal("alive:", await AskAsync(""));
    }

    [Fact]
    public async Task An_instance_that_was_removed_gets_no_more_connections()
    {
        var (stays, goes) = (Serve("stays"), Serve("goes"));
        _balancer.Add(stays);
        _balancer.Add(goes);
        _balancer.Remove(goes);

        for (var i = 0; i < 4; i++) Assert.Equal("stays:", await AskAsync(""));
    }

    [Fact]
    public async Task With_nobody_there_the_connection_ends_at_once()
    {
        _balancer.Add(UnusedPort());

        var answer = await Record.ExceptionAsync(() => AskAsync("hello"));

        Assert.IsAssignableFrom<SocketException>(answer);
    }

    [Fact]
    public async Task A_client_that_has_finished_sending_still_gets_its_answer()
    {
        _balancer.Add(Serve("half"));
        var question = new string('x', 1_000_000);

        Assert.Equal($"half:{question}", await AskAsync(question));
    }

    [Fact]
    public async Task Both_families_of_localhost_are_answered()
    {
        _balancer.Add(Serve("any"));

        Assert.Equal("any:", await AskAsync("", IPAddress.Loopback));
        if (Socket.OSSupportsIPv6) Assert.Equal("any:", await AskAsync("", IPAddress.IPv6Loopback));
    }

    public async ValueTask DisposeAsync()
    {
        await _balancer.DisposeAsync();
        foreach (var server in _servers) server.Dispose();
    }

    /// <summary>Reads a connection to its end and only then answers, as a peer of a half-closed one does.</summary>
    private int Serve(string name)
    {
        var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        _servers.Add(server);
        _ = AnswerAsync();
        return ((IPEndPoint)server.LocalEndpoint).Port;

        async Task AnswerAsync()
        {
            while (true)
            {
                Socket client;
                try
                {
                    client = await server.AcceptSocketAsync();
                }
                catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
                {
                    return;
                }

                using (client)
                await using (var stream = new NetworkStream(client))
                using (var reader = new StreamReader(stream))
                {
                    var question = await reader.ReadToEndAsync();
                    await stream.WriteAsync(Encoding.UTF8.GetBytes($"{name}:{question}"));
                }
            }
        }
    }

    private async Task<string> AskAsync(string question, IPAddress? address = null)
    {
        var family = (address ?? IPAddress.Loopback).AddressFamily;
        using var client = new Socket(family, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(address ?? IPAddress.Loopback, _balancer.Port);
        var sending = client.SendAsync(Encoding.UTF8.GetBytes(question));
        if (await sending == question.Length) client.Shutdown(SocketShutdown.Send);

        using var answer = new MemoryStream();
        var buffer = new byte[8192];
        int read;
        while ((read = await client.ReceiveAsync(buffer)) > 0) answer.Write(buffer, 0, read);
        return Encoding.UTF8.GetString(answer.ToArray());
    }

    private static int UnusedPort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
