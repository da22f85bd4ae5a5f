using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.Tokens;

namespace Shop.Tests.Identity;

/// <summary>A token of ours, changed in one thing at a time.</summary>
public sealed class ForgedTokenTests(IdentityService identity) : IClassFixture<IdentityService>
{
    [Fact]
    public async Task A_token_of_ours_is_accepted() =>
        Assert.Equal(200, await identity.StatusOfMeAsync(await TokenAsync()));

    [Fact]
    public async Task Alg_none_is_refused()
    {
        var (header, payload, _) = Parts(await TokenAsync());
        header["alg"] = "none";

        Assert.Equal(401, await identity.StatusOfMeAsync($"{Encode(header)}.{Encode(payload)}."));
        Assert.Equal(401, await identity.StatusOfMeAsync($"{Encode(header)}.{Encode(payload)}"));
    }

    [Fact]
    public async Task HS256_under_the_public_key_is_refused()
    {
        var (header, payload, _) = Parts(await TokenAsync());
        header["alg"] = "HS256";
        var jwks = await identity.Http.GetStringAsync("/.well-known/jwks.json");
        var jwk = new JsonWebKeySet(jwks).Keys.Single(key => key.Kid == (string)header["kid"]!);
        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new() { X = Base64UrlEncoder.DecodeBytes(jwk.X), Y = Base64UrlEncoder.DecodeBytes(jwk.Y) },
        });

        byte[][] secrets =
        [
            ecdsa.ExportSubjectPublicKeyInfo(),
            Encoding.UTF8.GetBytes(ecdsa.ExportSubjectPublicKeyInfoPem()),
            Base64UrlEncoder.DecodeBytes(jwk.X),
            Encoding.UTF8.GetBytes(jwk.X),
            Encoding.UTF8.GetBytes(jwks),
        ];
        foreach (var secret in secrets)
        {
            var signed = $"{Encode(header)}.{Encode(payload)}";
            var mac = HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(signed));
            Assert.Equal(401, await identity.StatusOfMeAsync($"{signed}.{Base64UrlEncoder.Encode(mac)}"));
        }
    }

    [Fact]
    public async Task A_changed_claim_or_signature_is_refused()
    {
        var token = await TokenAsync();
        var (header, payload, signature) = Parts(token);
        payload["role"] = "admin";
        var other = token.Split('.')[2];

        Assert.Equal(401, await identity.StatusOfMeAsync($"{Encode(header)}.{Encode(payload)}.{signature}"));
        Assert.Equal(401, await identity.StatusOfMeAsync(
            token[..^other.Length] + (other[0] == 'A' ? 'B' : 'A') + other[1..]));
    }

    [Fact]
    public async Task A_strangers_key_is_refused_even_under_our_key_id()
    {
        var (header, payload, _) = Parts(await TokenAsync());
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        foreach (var kid in new[] { (string)header["kid"]!, "unknown" })
        {
            header["kid"] = kid;
            var signed = $"{Encode(header)}.{Encode(payload)}";
            var signature = stranger.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256);
            Assert.Equal(401, await identity.StatusOfMeAsync($"{signed}.{Base64UrlEncoder.Encode(signature)}"));
        }
    }

    [Theory]
    [InlineData("--Identity:Issuer=http://elsewhere")]
    [InlineData("--Identity:Audience=elsewhere")]
    [InlineData("--Identity:AccessTokenSeconds=1")]
    public async Task Another_issuer_audience_or_time_is_refused(string setting)
    {
        // A replica on the same database signs with the same key, so nothing but the one claim is wrong.
        var (_, email) = await identity.RegisterAsync();
        await using var other = identity.Build(setting);
        await other.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(other.Urls.First()) };
        using var body = System.Net.Http.Json.JsonContent.Create(new { email, password = IdentityService.Password });
        var answer = await IdentityService.JsonAsync(await http.PostAsync("/auth/login", body), 200);
        var token = answer.GetProperty("accessToken").GetString()!;
        if (setting.Contains("Seconds", StringComparison.Ordinal))
        {
            await Fixtures.Eventually.GetAsync(() => identity.StatusOfMeAsync(token), status => status == 401);
            return;
        }

        Assert.Equal(401, await identity.StatusOfMeAsync(token));
    }

    private async Task<string> TokenAsync()
    {
        var (_, email) = await identity.RegisterAsync();
        return (await identity.SignInAsync(email)).Access;
    }

    private static (JsonObject Header, JsonObject Payload, string Signature) Parts(string token)
    {
        var parts = token.Split('.');
        return (Decode(parts[0]), Decode(parts[1]), parts[2]);
    }

    private static JsonObject Decode(string part) => JsonNode.Parse(Base64UrlEncoder.Decode(part))!.AsObject();

    private static string Encode(JsonObject part) => Base64UrlEncoder.Encode(JsonSerializer.Serialize(part));
}
