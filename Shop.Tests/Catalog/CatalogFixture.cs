using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shop.Catalog;
using Shop.ServiceDefaults;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Catalog;

/// <summary>Two replicas of Catalog over HTTP on a database of their own, with tokens signed here.</summary>
public sealed class CatalogFixture : IAsyncLifetime
{
    private readonly InfrastructureFixture _servers = new();
    private readonly List<WebApplication> _replicas = [];
    private readonly TestKeys _keys = new();
    private readonly string _cachePrefix = InfrastructureFixture.NewPrefix();

    public static Guid Seller1 { get; } = Guid.Parse("00000000-0000-7000-8000-000000000001");

    public static Guid Seller2 { get; } = Guid.Parse("00000000-0000-7000-8000-000000000002");

    internal Database<CatalogDb> Db => Services.GetRequiredService<Database<CatalogDb>>();

    internal IServiceProvider Services => _replicas[0].Services;

    public async Task InitializeAsync()
    {
        await _servers.InitializeAsync();

        // Both start at once: the schema and the samples must survive that.
        for (var i = 0; i < 2; i++) _replicas.Add(BuildReplica(new Dictionary<string, string?>()));
        await Task.WhenAll(_replicas.Select(replica => replica.StartAsync()));
    }

    /// <summary>Another replica on the same database, with settings of its own; the answer is its number.</summary>
    public async Task<int> AddReplicaAsync(IReadOnlyDictionary<string, string?> settings)
    {
        var replica = BuildReplica(settings);
        lock (_replicas) _replicas.Add(replica);
        await replica.StartAsync();
        lock (_replicas) return _replicas.IndexOf(replica);
    }

    /// <summary>Connection string of the Redis that all tests share.</summary>
    public string Redis => _servers.Redis;

    internal IServiceProvider ServicesOf(int replica) => _replicas[replica].Services;

    public async Task DisposeAsync()
    {
        foreach (var replica in _replicas) await replica.DisposeAsync();
        await _servers.DisposeAsync();
    }

    public HttpClient Client(int replica, string? token)
    {
        var client = new HttpClient { BaseAddress = new Uri(_replicas[replica].Urls.Single()) };
        if (token is not null) client.DefaultRequestHeaders.Authorization = new("Bearer", token);
        return client;
    }

    public HttpClient Internal(int replica = 0) =>
        Client(replica, _keys.Token(new() { ["role"] = "service", ["scope"] = "catalog.internal" }));

    public HttpClient SellerClient(Guid sellerId) => Client(0, _keys.Token(new()
    {
        ["sub"] = Guid.CreateVersion7().ToString(), ["role"] = "seller", ["seller_id"] = sellerId.ToString(),
    }));

    public HttpClient Admin() =>
        Client(0, _keys.Token(new() { ["sub"] = Guid.CreateVersion7().ToString(), ["role"] = "admin" }));

    public HttpClient Buyer() => Buyer(Guid.CreateVersion7());

    public HttpClient Buyer(Guid user, int replica = 0) =>
        Client(replica, _keys.Token(new() { ["sub"] = user.ToString(), ["role"] = "customer" }));

    public HttpClient Anonymous() => Client(0, null);

    /// <summary>A product on sale with that many units.</summary>
    public async Task<Guid> ProductAsync(
        long units, long unitPrice = 1_000, string status = "ON_SALE", string category = "tests")
    {
        const string Insert = """
            with product as (
                insert into products
                       (id, seller_id, category, name, description, unit_price, currency, status, created_at)
                values (@id, @seller, @category, 'A thing', '', @unitPrice, 'KRW', @status, now())),
            received as (
                insert into stock_movements (product_id, kind, quantity, reason, occurred_at)
                select @id, 'RECEIVED', @units, 'test', now() where @units > 0)
            insert into stock (product_id, on_hand) values (@id, @units)
            """;
        var id = Guid.CreateVersion7();
        await using var connection = await _servers.OpenAsync();
        await connection.ExecuteAsync(Insert, new { id, seller = Seller1, unitPrice, status, units, category });
        return id;
    }

    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = await _servers.OpenAsync();
        return (await connection.QueryAsync<T>(sql, parameters)).AsList();
    }

    public async Task ExecuteAsync(string sql, object? parameters = null)
    {
        await using var connection = await _servers.OpenAsync();
        await connection.ExecuteAsync(sql, parameters);
    }

    /// <summary>The two sums of the proof, over every product of this database.</summary>
    public async Task AssertSumsAsync()
    {
        const string Offenders = """
            select s.product_id
              from stock s
              left join (select product_id, sum(quantity) as moved from stock_movements group by product_id) m
                     on m.product_id = s.product_id
              left join (select l.product_id, sum(l.quantity - l.given_back) as held
                           from reservation_lines l join reservations r on r.order_id = l.order_id
                          where r.status = 'HELD' group by l.product_id) h
                     on h.product_id = s.product_id
             where s.on_hand <> coalesce(m.moved, 0) or s.reserved <> coalesce(h.held, 0)
            """;
        Assert.Empty(await QueryAsync<Guid>(Offenders));
    }

    private WebApplication BuildReplica(IReadOnlyDictionary<string, string?> settings)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Development" });
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:catalogdb"] = _servers.Database,
            ["ConnectionStrings:cache"] = _servers.Redis,
            ["Cache:Prefix"] = _cachePrefix,
            // A call that is given up tells no reader of a change; who tests that says so.
            ["Cache:TimeoutMilliseconds"] = "5000",
            // As good as none: tests sell and look at once.
            ["Popularity:CacheSeconds"] = "0.001",
            ["ServiceClient:Id"] = "catalog",
            ["ServiceClient:Secret"] = "not-used",
        });
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddSingleton<ISigningKeySource>(_keys);
        builder.AddServiceDefaults();
        builder.AddCatalog();
        var app = builder.Build();
        app.MapServiceDefaults();
        app.MapCatalog();
        return app;
    }

    private sealed class TestKeys : ISigningKeySource
    {
        private const string KeyId = "test";
        private readonly ECParameters _key = NewKey();

        public Task<string> ReadAsync(CancellationToken ct)
        {
            var point = _key.Q;
            return Task.FromResult(JsonSerializer.Serialize(new
            {
                keys = new[]
                {
                    new
                    {
                        kty = "EC", crv = "P-256", alg = "ES256", use = "sig", kid = KeyId,
                        x = WebEncoders.Base64UrlEncode(point.X!), y = WebEncoders.Base64UrlEncode(point.Y!),
                    },
                },
            }));
        }

        public string Token(Dictionary<string, object> claims)
        {
            claims["iss"] = "http://identity";
            claims["aud"] = "shop";
            claims["exp"] = TimeProvider.System.GetUtcNow().AddHours(1).ToUnixTimeSeconds();
            var signed = string.Create(
                CultureInfo.InvariantCulture,
                $"{Part(new { alg = "ES256", typ = "JWT", kid = KeyId })}.{Part(claims)}");
            using var key = ECDsa.Create(_key);
            var signature = key.SignData(System.Text.Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256);
            return $"{signed}.{WebEncoders.Base64UrlEncode(signature)}";

            static string Part<T>(T value) => WebEncoders.Base64UrlEncode(JsonSerializer.SerializeToUtf8Bytes(value));
        }

        private static ECParameters NewKey()
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            return key.ExportParameters(includePrivateParameters: true);
        }
    }
}
