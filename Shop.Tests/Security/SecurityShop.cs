using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using Dapper;
using Npgsql;
using Shop.Identity.Keys;
using Shop.ServiceDefaults.PersonalData;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Security;

/// <summary>
/// One shop for all that is asked about its security: signing keys that rotate every few seconds, telemetry that is
/// kept to be searched, and secrets that the tests know, so that they can forge what an attacker could only wish for.
/// </summary>
public sealed class SecurityShop : IAsyncLifetime
{
    private const string KeySecret = "key-encryption-key-that-the-tests-know";
    private const string ClientSecret = "a-client-secret-that-the-tests-know";

    private readonly ConcurrentDictionary<string, HttpClient> _clients = new();
    private RunningShop? _shop;

    internal ShopApp Shop => _shop ?? throw new InvalidOperationException("Not started yet.");

    internal OtlpDump Telemetry { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Telemetry = await OtlpDump.StartAsync();
        _shop = new RunningShop(Telemetry.Address);
        await _shop.InitializeAsync();
    }

    public async Task DisposeAsync()
    {
        if (_shop is not null) await _shop.DisposeAsync();
        await Telemetry.DisposeAsync();
    }

    /// <summary>One client of each service for thousands of requests, each with a token of its own.</summary>
    internal HttpClient Client(string service) => _clients.GetOrAdd(service, name => Shop.Client(name));

    /// <summary>The token of a service, with the scopes that it has.</summary>
    internal async Task<string> ServiceTokenAsync(string client)
    {
        using var answer = await Shop.Identity.PostAsJsonAsync(
            "/auth/token", new { clientId = client, clientSecret = ClientSecret });
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("accessToken").GetString()!;
    }

    /// <summary>The key that signs tokens now, taken from the database as only Identity can.</summary>
    internal async Task<SigningKey> SigningKeyAsync()
    {
        await using var connection = new NpgsqlConnection(await Shop.ConnectionStringAsync("identitydb"));
        var (id, box, from) = await connection.QuerySingleAsync<(string, byte[], DateTime)>("""
            select kid, private_key_encrypted, activates_at from signing_keys
             where activates_at <= now() order by activates_at desc limit 1
            """);
        return SigningKey.Open(box, id, new DateTimeOffset(from), new KeyRing(KeySecret, [], "signing-keys"));
    }

    private sealed class RunningShop(string otlpAddress) : ShopApp(new ShopAppOptions
    {
        Settings = new Dictionary<string, string>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = otlpAddress,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
            ["OTEL_TRACES_SAMPLER"] = "always_on",
            ["Identity:PasswordIterations"] = "1000",
            ["Identity:KeyRotationSeconds"] = "6",
            ["Identity:KeyPublishAheadSeconds"] = "12",
            ["Identity:KeyRefreshSeconds"] = "1",
            ["Identity:KeysRefreshSeconds"] = "1",
            ["Identity:UnknownKeyPauseSeconds"] = "0.1",
        },
        Arguments =
        [
            $"--Parameters:identity-key-encryption-key={KeySecret}",
            .. from client in (string[])["catalog", "ordering", "payments", "workers"]
               select $"--Parameters:{client}-client-secret={ClientSecret}",
        ],
    });
}

[CollectionDefinition(Name)]
public sealed class SecurityShopCollection : ICollectionFixture<SecurityShop>
{
    public const string Name = "security";
}
