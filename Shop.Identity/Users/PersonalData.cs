using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.PersonalData;

namespace Shop.Identity.Users;

/// <summary>
/// Encrypts what names a person, each value for its user and field; finds an e-mail by keyed hash. The hash's key stays
/// when the secret is replaced, else nobody would be found any more.
/// </summary>
internal sealed class PersonalData(IOptions<IdentityOptions> options)
{
    private const string LookupPurpose = "email-lookup";

    private readonly KeyRing _ring = options.Value.RingFor("personal-data");
    private byte[]? _lookupKey;

    /// <summary>
    /// The e-mail as it is stored and looked up. The part before the @ may by the letter of RFC 5321 tell cases apart;
    /// no provider does, and two users who differ by case only would be one person locked out.
    /// </summary>
    public static string NormaliseEmail(string email) => email.Trim().ToLowerInvariant();

    /// <summary>Reads the key of the hashes; before it nobody can be looked up.</summary>
    public async Task UnlockAsync(Database<IdentityDb> database, CancellationToken ct) =>
        _lookupKey = await StableKey.ReadAsync(
            database, options.Value.RingFor("stable-keys"), LookupPurpose,
            // Derived and not random, since rows of earlier versions were hashed under it.
            () => KeyRing.Derive(options.Value.KeyEncryptionKey, LookupPurpose), ct);

    public byte[] LookupHash(string normalisedEmail) => HMACSHA256.HashData(
        _lookupKey ?? throw new InvalidOperationException("The key of the e-mail hashes was not read yet."),
        Encoding.UTF8.GetBytes(normalisedEmail));

    public byte[] Seal(Guid user, string field, string value) =>
        _ring.Seal(Encoding.UTF8.GetBytes(value), Context(user, field));

    public string Open(Guid user, string field, byte[] value) =>
        Encoding.UTF8.GetString(_ring.Open(value, Context(user, field)));

    public bool IsCurrent(byte[] value) => _ring.IsCurrent(value);

    public byte[] Reseal(Guid user, string field, byte[] value) =>
        IsCurrent(value) ? value : _ring.Reseal(value, Context(user, field));

    private static string Context(Guid user, string field) => $"{user:N}/{field}";
}
