using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Shop.Tests.ServiceDefaults.Http;

namespace Shop.Tests.ServiceDefaults.Authentication;

/// <summary>Identity's two addresses that the others call, with keys to sign any token that a test wants.</summary>
internal sealed class FakeIdentity : IAsyncDisposable
{
    private readonly List<TestKey> _published = [];
    private WebApplication? _app;

    public TestKey Key { get; } = new("key-1");

    public Uri Address => new(_app!.Urls.Single());

    public (string, string) Endpoint => ("services:identity:http:0", Address.ToString());

    /// <summary>Connections are cut without an answer.</summary>
    public bool Down { get; set; }

    public int KeyFetches { get; private set; }

    public int TokenFetches { get; private set; }

    public int TokenLifeSeconds { get; set; } = 600;

    public static async Task<FakeIdentity> StartAsync()
    {
        var identity = new FakeIdentity();
        identity._published.Add(identity.Key);
        identity._app = await TinyService.StartPlainAsync(app =>
        {
            app.MapGet("/.well-known/jwks.json", identity.Keys);
            app.MapPost("/auth/token", identity.TokenAsync);
        });
        return identity;
    }

    public void Publish(params TestKey[] keys)
    {
        _published.Clear();
        _published.AddRange(keys);
    }

    public async ValueTask DisposeAsync() => await _app!.DisposeAsync();

    private async Task Keys(HttpContext context)
    {
        if (Cut(context)) return;
        KeyFetches++;
        await context.Response.WriteAsync($$"""{"keys":[{{string.Join(',', _published.Select(key => key.Jwk))}}]}""");
    }

    private async Task TokenAsync(HttpContext context)
    {
        if (Cut(context)) return;
        var client = await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.Body);
        if (client.GetProperty("clientSecret").GetString() != "secret")
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }

        TokenFetches++;
        var token = Key.Sign(client.GetProperty("clientId").GetString()!, ("role", "service"), ("scope", "ops"));
        await context.Response.WriteAsync(
            $$"""{"accessToken":"{{token}}","tokenType":"Bearer","expiresIn":{{TokenLifeSeconds}}}""");
    }

    private bool Cut(HttpContext context)
    {
        if (Down) context.Abort();
        return Down;
    }
}

internal sealed class TestKey(string id)
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private int _serial;

    public string Jwk
    {
        get
        {
            var point = _key.ExportParameters(includePrivateParameters: false).Q;
            return $$"""
                {"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":"{{id}}",
                 "x":"{{Base64Url.EncodeToString(point.X)}}","y":"{{Base64Url.EncodeToString(point.Y)}}"}
                """;
        }
    }

    /// <summary>A good token for that subject, with these claims added, put in place, or (null) left out.</summary>
    public string Sign(string subject, params (string Name, object? Value)[] claims) =>
        Sign(Header("ES256"), subject, claims, bytes => _key.SignData(bytes, HashAlgorithmName.SHA256));

    /// <summary>A token without a signature, as RFC 7519 allows and nobody should accept.</summary>
    public string Unsigned(string subject) => Sign(Header("none"), subject, [], _ => []);

    /// <summary>A token "signed" with the public key as a shared secret: the confusion of algorithms.</summary>
    public string SignedWithPublicKey(string subject) => Sign(
        Header("HS256"), subject, [], bytes => HMACSHA256.HashData(_key.ExportSubjectPublicKeyInfo(), bytes));

    private string Header(string algorithm) => $$"""{"alg":"{{algorithm}}","typ":"JWT","kid":"{{id}}"}""";

    private string Sign(
        string header, string subject, (string Name, object? Value)[] claims, Func<byte[], byte[]> sign)
    {
        var now = TimeProvider.System.GetUtcNow();
        var payload = new Dictionary<string, object>
        {
            ["iss"] = "http://identity",
            ["aud"] = "shop",
            ["sub"] = subject,
            ["jti"] = Interlocked.Increment(ref _serial).ToString(CultureInfo.InvariantCulture),
            ["iat"] = now.ToUnixTimeSeconds(),
            ["exp"] = now.AddMinutes(10).ToUnixTimeSeconds(),
        };
        foreach (var (name, value) in claims)
        {
            if (value is null) payload.Remove(name);
            else payload[name] = value;
        }

        var body = $"{Encode(header)}.{Encode(JsonSerializer.Serialize(payload))}";
        return $"{body}.{Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes(body)))}";
    }

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
}
