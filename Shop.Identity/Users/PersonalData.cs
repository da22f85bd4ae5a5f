using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Shop.Identity.Keys;

namespace Shop.Identity.Users;

/// <summary>Encrypts what names a person, each value for its user and field; finds an e-mail by keyed hash.</summary>
internal sealed class PersonalData(IOptions<IdentityOptions> options)
{
    private readonly SecretBox _box = new(options.Value.KeyEncryptionKey, "personal-data");
    private readonly byte[] _lookupKey = SecretBox.Derive(options.Value.KeyEncryptionKey, "email-lookup", 32);

    /// <summary>
    /// The e-mail as it is stored and looked up. The part before the @ may by the letter of RFC 5321 tell cases apart;
    /// no provider does, and two users who differ by case only would be one person locked out.
    /// </summary>
    public static string NormaliseEmail(string email) => email.Trim().ToLowerInvariant();

    public byte[] LookupHash(string normalisedEmail) =>
        HMACSHA256.HashData(_lookupKey, Encoding.UTF8.GetBytes(normalisedEmail));

    public byte[] Seal(Guid user, string field, string value) =>
        _box.Seal(Encoding.UTF8.GetBytes(value), $"{user:N}/{field}");

    public string Open(Guid user, string field, byte[] value) =>
        Encoding.UTF8.GetString(_box.Open(value, $"{user:N}/{field}"));
}
