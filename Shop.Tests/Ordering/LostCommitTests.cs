using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Npgsql;
using static Shop.Tests.Ordering.OrderingApp;

namespace Shop.Tests.Ordering;

/// <summary>The answer to a COMMIT is lost: nobody knows if it was kept, and everybody gets the true answer.</summary>
public sealed class LostCommitTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    [Fact]
    public async Task Every_order_of_a_batch_whose_COMMIT_was_cut_off_is_there_once_and_answered_so()
    {
        await using var cut = new CommitCutter(app.Database);
        var replica = await app.AddReplicaAsync(cut.ConnectionString);
        var (user, product) = (Guid.CreateVersion7(), app.Shop.Stock(100));
        using var client = app.Buyer(user, replica);
        Assert.Equal(201, (int)(await client.SendAsync(Post("/orders", Lines(product)))).StatusCode);
        cut.Arm();

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 50).Select(_ => client.SendAsync(Post("/orders", Lines(product)))));

        Assert.All(answers, answer => Assert.Equal(201, (int)answer.StatusCode));
        Assert.Equal(1, cut.Cuts);
        var ids = await Task.WhenAll(answers.Select(async answer =>
            (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid()));
        Assert.Equal(50, ids.Distinct().Count());
        Assert.Equal(
            51, await app.ScalarAsync<long>("select count(*) from orders where user_id = @user", new { user }));
        Assert.Equal(49, app.Shop.Left(product));
        Assert.All(ids, id => Assert.True(app.Shop.Holds(id)));
        foreach (var id in ids) Assert.Equal(["OrderCreated.v1"], await app.EventsAsync(id));
    }

    /// <summary>Stands before PostgreSQL and, when armed, passes a COMMIT on but cuts off its answer.</summary>
    private sealed class CommitCutter : IAsyncDisposable
    {
        private static readonly byte[] Commit = "COMMIT\0"u8.ToArray();
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly NpgsqlConnectionStringBuilder _target;
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _accepting;
        private int _armed;
        private int _cuts;

        public CommitCutter(string connectionString)
        {
            _target = new(connectionString);
            _listener.Start();
            ConnectionString = new NpgsqlConnectionStringBuilder(connectionString)
            {
                Host = IPAddress.Loopback.ToString(), Port = ((IPEndPoint)_listener.LocalEndpoint).Port,
                SslMode = SslMode.Disable, GssEncryptionMode = GssEncryptionMode.Disable,
            }.ConnectionString;
            _accepting = AcceptAsync();
        }

        public string ConnectionString { get; }

        public int Cuts => Volatile.Read(ref _cuts);

        public void Arm() => Volatile.Write(ref _armed, 1);

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            _listener.Dispose();
            await _accepting;
            _stop.Dispose();
        }

        private async Task AcceptAsync()
        {
            var pairs = new List<Task>();
            try
            {
                while (true) pairs.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
            catch (OperationCanceledException)
            {
                await Task.WhenAll(pairs);
            }
        }

        private async Task ServeAsync(TcpClient client)
        {
            using var server = new TcpClient();
            using (client)
            {
                await server.ConnectAsync(_target.Host!, _target.Port);
                var cutting = new StrongBox<bool>();
                var up = PumpAsync(client.GetStream(), server.GetStream(), bytes =>
                {
                    // Set before the COMMIT is passed on: what comes back next is its answer.
                    if (bytes.IndexOf(Commit) >= 0 && Interlocked.Decrement(ref _armed) == 0) cutting.Value = true;
                    return true;
                });
                var down = PumpAsync(server.GetStream(), client.GetStream(), _ =>
                {
                    if (!cutting.Value) return true;
                    // PostgreSQL has committed before it answers; that answer is what is lost.
                    Interlocked.Increment(ref _cuts);
                    return false;
                });
                await Task.WhenAny(up, down);
            }
        }

        private async Task PumpAsync(NetworkStream from, NetworkStream to, Look look)
        {
            var buffer = new byte[1 << 16];
            try
            {
                int read;
                while ((read = await from.ReadAsync(buffer, _stop.Token)) > 0)
                {
                    if (!look(buffer.AsSpan(0, read))) return;
                    await to.WriteAsync(buffer.AsMemory(0, read), _stop.Token);
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
            {
                // The connection is over, by either side or by the end of the test.
            }
        }

        private delegate bool Look(ReadOnlySpan<byte> bytes);
    }
}
