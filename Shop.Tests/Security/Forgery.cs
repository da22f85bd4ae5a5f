using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;
using Shop.Identity.Keys;

namespace Shop.Tests.Security;

/// <summary>Tokens of an admin that are wrong in one thing each, and right in everything else.</summary>
internal static class Forgery
{
    public static IReadOnlyDictionary<string, string> AllOf(SigningKey key)
    {
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var signer = (ECDsaSecurityKey)key.Credentials.Key;
        byte[] Signed(byte[] text) => signer.ECDsa.SignData(text, HashAlgorithmName.SHA256);
        var publicKey = signer.ECDsa.ExportSubjectPublicKeyInfo();
        return new Dictionary<string, string>
        {
            ["expired"] = Token(key.Id, "ES256", Signed, lifetimeMinutes: -5),
            ["wrong signature"] = Token(
                key.Id, "ES256", text => stranger.SignData(text, HashAlgorithmName.SHA256)),
            ["alg none"] = Token(key.Id, "none", _ => []),
            ["HS256 under the public key"] = Token(key.Id, "HS256", text => HMACSHA256.HashData(publicKey, text)),
            ["other audience"] = Token(key.Id, "ES256", Signed, audience: "elsewhere"),
        };
    }

    /// <summary>The control: the same token with nothing wrong.</summary>
    public static string Right(SigningKey key) => Token(
        key.Id, "ES256",
        text => ((ECDsaSecurityKey)key.Credentials.Key).ECDsa.SignData(text, HashAlgorithmName.SHA256));

    private static string Token(
        string kid, string algorithm, Func<byte[], byte[]> sign, int lifetimeMinutes = 5, string audience = "shop")
    {
        var now = TimeProvider.System.GetUtcNow();
        var header = Encode(new { alg = algorithm, typ = "JWT", kid });
        var payload = Encode(new
        {
            iss = "http://identity", aud = audience, sub = Guid.CreateVersion7(), role = "admin",
            jti = Guid.CreateVersion7(), iat = now.AddMinutes(-10).ToUnixTimeSeconds(),
            exp = now.AddMinutes(lifetimeMinutes).ToUnixTimeSeconds(),
        });
        var text = $"{header}.{payload}";
        return $"{text}.{Base64UrlEncoder.Encode(sign(Encoding.ASCII.GetBytes(text)))}";
    }

    private static string Encode(object part) => Base64UrlEncoder.Encode(JsonSerializer.Serialize(part));
}
