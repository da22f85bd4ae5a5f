using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Microsoft.IdentityModel.Tokens;
using Shop.ServiceDefaults.PersonalData;

namespace Shop.Identity.Keys;

/// <summary>An ES256 key pair: published from its making, signing from <see cref="ActivatesAt"/>.</summary>
internal sealed class SigningKey
{
    private readonly ECDsa _ecdsa;

    private SigningKey(ECDsa ecdsa, DateTimeOffset activatesAt)
    {
        _ecdsa = ecdsa;
        ActivatesAt = activatesAt;
        var point = ecdsa.ExportParameters(includePrivateParameters: false).Q;
        var (x, y) = (Base64UrlEncoder.Encode(point.X), Base64UrlEncoder.Encode(point.Y));
        Id = Thumbprint(x, y);
        Public = new(Id, "EC", "P-256", "sig", SecurityAlgorithms.EcdsaSha256, x, y);
        Credentials = new(new ECDsaSecurityKey(ecdsa) { KeyId = Id }, SecurityAlgorithms.EcdsaSha256);
    }

    /// <summary>The key's thumbprint (RFC 7638), so that no two keys can share an id.</summary>
    public string Id { get; }

    public DateTimeOffset ActivatesAt { get; }

    public Jwk Public { get; }

    public SigningCredentials Credentials { get; }

    public static SigningKey Create(DateTimeOffset activatesAt) =>
        new(ECDsa.Create(ECCurve.NamedCurves.nistP256), activatesAt);

    public static SigningKey Open(byte[] encrypted, string id, DateTimeOffset activatesAt, KeyRing ring)
    {
        var ecdsa = ECDsa.Create();
        ecdsa.ImportPkcs8PrivateKey(ring.Open(encrypted, id), out _);
        var key = new SigningKey(ecdsa, activatesAt);
        if (key.Id != id) throw new CryptographicException($"Signing key {id} is not the key that its row names.");
        return key;
    }

    public byte[] Seal(KeyRing ring) => ring.Seal(_ecdsa.ExportPkcs8PrivateKey(), Id);

    private static string Thumbprint(string x, string y) => Base64UrlEncoder.Encode(SHA256.HashData(
        Encoding.ASCII.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{x}}","y":"{{y}}"}""")));
}

/// <summary>A public key as RFC 7517 writes it.</summary>
internal sealed record Jwk(
    [property: JsonPropertyName("kid")] string Kid,
    [property: JsonPropertyName("kty")] string Kty,
    [property: JsonPropertyName("crv")] string Crv,
    [property: JsonPropertyName("use")] string Use,
    [property: JsonPropertyName("alg")] string Alg,
    [property: JsonPropertyName("x")] string X,
    [property: JsonPropertyName("y")] string Y);

internal sealed record JwkSet([property: JsonPropertyName("keys")] IReadOnlyList<Jwk> Keys);
