using System.ComponentModel.DataAnnotations;
using Shop.ServiceDefaults.PersonalData;

namespace Shop.Identity;

/// <summary>Configuration section <c>Identity</c>.</summary>
internal sealed class IdentityOptions
{
    public const string Section = "Identity";

    /// <summary>The logical name in <c>iss</c>, and the base of the addresses in the discovery document.</summary>
    [Required, Url]
    public string Issuer { get; set; } = "http://identity";

    [Required]
    public string Audience { get; set; } = "shop";

    /// <summary>
    /// A random secret that the keys for signing keys and personal data are derived from. It is the one thing that a
    /// copy of the database does not hold: losing it loses both.
    /// </summary>
    [Required, MinLength(22)]
    public string KeyEncryptionKey { get; set; } = "";

    /// <summary>Secrets that it replaced, until everything is sealed under the current one.</summary>
    public string[] FormerKeyEncryptionKeys { get; set; } = [];

    [Range(1, 86_400)]
    public int AccessTokenSeconds { get; set; } = 600;

    /// <summary>How long an unused refresh token is good.</summary>
    [Range(1, int.MaxValue)]
    public int RefreshTokenSeconds { get; set; } = 14 * 86_400;

    /// <summary>How long after the login refreshing ends and the password is asked again.</summary>
    [Range(1, int.MaxValue)]
    public int RefreshFamilySeconds { get; set; } = 90 * 86_400;

    /// <summary>Failed logins of one e-mail in a row before it is locked.</summary>
    [Range(1, 100)]
    public int LockoutFailures { get; set; } = 5;

    [Range(1, 86_400)]
    public int LockoutSeconds { get; set; } = 300;

    /// <summary>PBKDF2-HMAC-SHA512 rounds of a new password hash; older hashes are renewed at the next login.</summary>
    [Range(1_000, 10_000_000)]
    public int PasswordIterations { get; set; } = 210_000;

    /// <summary>How long a key signs before the next one takes over.</summary>
    [Range(1, int.MaxValue)]
    public int KeyRotationSeconds { get; set; } = 30 * 86_400;

    /// <summary>
    /// How long a key is published before it signs. Longer than the services cache the key set, and longer than
    /// <see cref="KeyRefreshSeconds"/>, so that nobody meets a token whose key it can't know.
    /// </summary>
    [Range(1, int.MaxValue)]
    public int KeyPublishAheadSeconds { get; set; } = 3_600;

    /// <summary>How often a replica reads the keys that others may have made.</summary>
    [Range(1, 3_600)]
    public int KeyRefreshSeconds { get; set; } = 30;

    internal KeyRing RingFor(string purpose) => new(KeyEncryptionKey, FormerKeyEncryptionKeys, purpose);
}
