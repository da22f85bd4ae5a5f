using System.Globalization;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shop.Ordering;
using Shop.ServiceDefaults;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Messaging;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Ordering;

/// <summary>
/// Two replicas of Ordering over HTTP on one database of their own, with tokens signed here, a fake Catalog and a fake
/// Payments. Events are handed to the handlers by the tests, which decide what arrives, when and how often.
/// </summary>
public sealed class OrderingApp : IAsyncLifetime
{
    public const string KeyEncryptionKey = "a-key-encryption-key-of-the-tests";

    private readonly InfrastructureFixture _servers = new();
    private readonly List<WebApplication> _replicas = [];
    private readonly TestKeys _keys = new();

    public FakeShop Shop { get; } = new();

    public ShiftedClock Clock { get; } = new();

    public IServiceProvider Services => _replicas[0].Services;

    /// <summary>Connection string of the database that all replicas share.</summary>
    public string Database => _servers.Database;

    internal Database<OrderingDb> Db => Services.GetRequiredService<Database<OrderingDb>>();

    public async Task InitializeAsync()
    {
        await _servers.InitializeAsync();
        await Shop.StartAsync();
        for (var i = 0; i < 2; i++) _replicas.Add(BuildReplica(Database));
        await Task.WhenAll(_replicas.Select(replica => replica.StartAsync()));
    }

    public async Task DisposeAsync()
    {
        foreach (var replica in _replicas) await replica.DisposeAsync();
        await Shop.DisposeAsync();
        _keys.Dispose();
        await _servers.DisposeAsync();
    }

    /// <summary>Connection string of Redis.</summary>
    public string Redis => _servers.Redis;

    /// <summary>One more replica, reaching the servers in its own way; the answer is its number.</summary>
    public async Task<int> AddReplicaAsync(string connectionString, string? cache = null)
    {
        _replicas.Add(BuildReplica(connectionString, cache));
        await _replicas[^1].StartAsync();
        return _replicas.Count - 1;
    }

    public HttpClient Buyer(Guid userId, int replica = 0) => Client(
        new() { ["sub"] = userId.ToString(), ["role"] = "customer" }, replica);

    public HttpClient Admin() => Client(new() { ["sub"] = Guid.CreateVersion7().ToString(), ["role"] = "admin" });

    public HttpClient Seller(Guid sellerId) => Client(new()
    {
        ["sub"] = Guid.CreateVersion7().ToString(), ["role"] = "seller", ["seller_id"] = sellerId.ToString(),
    });

    public HttpClient Inside() => Client(new() { ["role"] = "service", ["scope"] = "ordering.internal" });

    /// <summary>An unpaid order of these products, one unit each.</summary>
    internal async Task<Placed> PlaceAsync(params FakeShop.Product[] products)
    {
        var userId = Guid.CreateVersion7();
        using var client = Buyer(userId);
        var answer = await client.SendAsync(Post("/orders", Lines(products)));
        Assert.Equal(201, (int)answer.StatusCode);
        var order = await answer.Content.ReadFromJsonAsync<JsonElement>();
        return new(order.GetProperty("id").GetGuid(), userId);
    }

    /// <summary>An order that is PAYMENT_PENDING by the payment of that id.</summary>
    internal async Task<(Placed Order, Guid PaymentId)> PlacePendingAsync(params FakeShop.Product[] products)
    {
        var order = await PlaceAsync(products);
        var paymentId = Guid.CreateVersion7();
        Assert.Equal(200, (int)(await AttemptAsync(order, paymentId)).StatusCode);
        return (order, paymentId);
    }

    internal async Task<HttpResponseMessage> AttemptAsync(Placed order, Guid paymentId)
    {
        using var inside = Inside();
        return await inside.PostAsJsonAsync(
            $"/internal/orders/{order.Id}/payment-attempts", new { paymentId, userId = order.UserId });
    }

    /// <summary>Hands an event to a handler as a consumer does, in a transaction of its own.</summary>
    internal Task<Verdict> HandleAsync<TEvent>(
        Func<TEvent, HandlerContext<OrderingDb>, Task<Verdict>> handler, TEvent @event) =>
        Db.TransactAsync(
            async tx =>
            {
                var envelope = new Envelope(
                    Guid.CreateVersion7(), tx.Now, "test", typeof(TEvent).Name, Guid.Empty, 1, tx.Now, null, null);
                var verdict = await handler(@event, new(tx, envelope, Services, CancellationToken.None));
                if (verdict == Verdict.NotYet) tx.Refuse();
                return verdict;
            },
            CancellationToken.None);

    public async Task<T> ScalarAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = await _servers.OpenAsync();
        return (await connection.ExecuteScalarAsync<T>(sql, parameters))!;
    }

    public async Task<int> ExecuteAsync(string sql, object? parameters = null)
    {
        await using var connection = await _servers.OpenAsync();
        return await connection.ExecuteAsync(sql, parameters);
    }

    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = await _servers.OpenAsync();
        return (await connection.QueryAsync<T>(sql, parameters)).AsList();
    }

    public Task<string> StatusAsync(Guid orderId) =>
        ScalarAsync<string>("select status from orders where id = @orderId", new { orderId });

    /// <summary>The types of an order's events, in the sequence they were published.</summary>
    public Task<IReadOnlyList<string>> EventsAsync(Guid orderId) =>
        QueryAsync<string>("select type from outbox where key = @orderId order by id", new { orderId });

    public static object Lines(params FakeShop.Product[] products) =>
        new { lines = products.Select(product => new { productId = product.Id, quantity = 1 }).ToArray() };

    public static object PaidLines(string cardToken, params FakeShop.Product[] products) => new
    {
        lines = products.Select(product => new { productId = product.Id, quantity = 1 }).ToArray(),
        payment = new { method = "CARD", cardToken },
    };

    public static HttpRequestMessage Post(string path, object body, string? key = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        return request;
    }

    private HttpClient Client(Dictionary<string, object> claims, int replica = 0)
    {
        var client = new HttpClient { BaseAddress = new Uri(_replicas[replica].Urls.Single()) };
        client.DefaultRequestHeaders.Authorization = new("Bearer", _keys.Token(claims));
        return client;
    }

    private WebApplication BuildReplica(string connectionString, string? cache = null)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Development" });
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:orderingdb"] = connectionString,
            ["ConnectionStrings:cache"] = cache ?? _servers.Redis,
            ["services:catalog:http:0"] = Shop.Address,
            ["services:payments:http:0"] = Shop.Address,
            ["Http:BreakerFailures"] = "10000",
            ["Http:RetryPauseMs"] = "5",
            ["Http:AttemptTimeoutSeconds"] = "20",
            ["Http:TotalTimeoutSeconds"] = "30",
            // A gate that is there is waited for.
            ["Coupons:GateTimeoutMilliseconds"] = cache is null ? "30000" : "250",
            ["Orders:KeyEncryptionKey"] = KeyEncryptionKey,
            ["Orders:TtlSeconds"] = "600",
            ["Orders:RecoveryAgeSeconds"] = "3600",
            ["Orders:OneCallWaitSeconds"] = "3",
        });
        builder.Services.AddSingleton<TimeProvider>(Clock);
        builder.Services.AddSingleton<ISigningKeySource>(_keys);
        builder.AddServiceDefaults();
        builder.AddOrdering();
        var app = builder.Build();
        app.MapServiceDefaults();
        app.MapOrdering();
        return app;
    }

    internal sealed record Placed(Guid Id, Guid UserId);

    private sealed class TestKeys : ISigningKeySource, IDisposable
    {
        private const string KeyId = "test";
        private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        public Task<string> ReadAsync(CancellationToken ct)
        {
            var point = _key.ExportParameters(includePrivateParameters: false).Q;
            var key = new
            {
                kty = "EC", crv = "P-256", alg = "ES256", use = "sig", kid = KeyId,
                x = WebEncoders.Base64UrlEncode(point.X!), y = WebEncoders.Base64UrlEncode(point.Y!),
            };
            return Task.FromResult(JsonSerializer.Serialize(new { keys = new[] { key } }));
        }

        public string Token(Dictionary<string, object> claims)
        {
            claims["iss"] = "http://identity";
            claims["aud"] = "shop";
            claims["exp"] = TimeProvider.System.GetUtcNow().AddHours(1).ToUnixTimeSeconds();
            var signed = string.Create(
                CultureInfo.InvariantCulture,
                $"{Part(new { alg = "ES256", typ = "JWT", kid = KeyId })}.{Part(claims)}");
            var signature = _key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256);
            return $"{signed}.{WebEncoders.Base64UrlEncode(signature)}";

            static string Part<T>(T value) => WebEncoders.Base64UrlEncode(JsonSerializer.SerializeToUtf8Bytes(value));
        }

        public void Dispose() => _key.Dispose();
    }
}

/// <summary>The system's time, moved forward by hand.</summary>
public sealed class ShiftedClock : TimeProvider
{
    private long _ticks;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddTicks(Interlocked.Read(ref _ticks));

    public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);
}
