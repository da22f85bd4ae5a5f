using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Shop.Identity.Users;

/// <summary>
/// Password rules of NIST SP 800-63B: a length, a list of common ones, nothing about composition. Hashes are those of
/// ASP.NET Core Identity (PBKDF2-HMAC-SHA512).
/// </summary>
internal sealed class Passwords
{
    public const int MinLength = 8;
    public const int MaxLength = 128;

    private static readonly Lazy<HashSet<string>> Common = new(ReadCommon);
    private static readonly object NoUser = new();

    private readonly PasswordHasher<object> _hasher;
    private readonly string _nobodysHash;

    public Passwords(IOptions<IdentityOptions> options)
    {
        _hasher = new(Options.Create(new PasswordHasherOptions
        {
            IterationCount = options.Value.PasswordIterations,
        }));
        _nobodysHash = Hash(Guid.CreateVersion7().ToString());
    }

    /// <summary>What is wrong with a new password, or null.</summary>
    public static string? Complaint(string password, string email, string name)
    {
        if (password.EnumerateRunes().Count() is < MinLength or > MaxLength)
        {
            return $"The password must have {MinLength} to {MaxLength} characters.";
        }

        return Common.Value.Contains(password)
            || password.Equals(email, StringComparison.OrdinalIgnoreCase)
            || password.Equals(email.Split('@')[0], StringComparison.OrdinalIgnoreCase)
            || password.Equals(name, StringComparison.OrdinalIgnoreCase)
            ? "The password is too easy to guess: it is a common one, or your name or e-mail."
            : null;
    }

    public string Hash(string password) => _hasher.HashPassword(NoUser, password);

    /// <summary>
    /// Whether the password is right. Without a hash, when there is no such user, the same work is done and the answer
    /// is no: time must not tell.
    /// </summary>
    /// <param name="renewed">A new hash to store, where the old one was made with fewer rounds than today's.</param>
    public bool Verify(string? hash, string password, out string? renewed)
    {
        var result = _hasher.VerifyHashedPassword(NoUser, hash ?? _nobodysHash, password);
        var right = hash is not null && result != PasswordVerificationResult.Failed;
        renewed = right && result == PasswordVerificationResult.SuccessRehashNeeded ? Hash(password) : null;
        return right;
    }

    private static HashSet<string> ReadCommon()
    {
        const string Name = "Shop.Identity.Users.common-passwords.txt";
        using var stream = typeof(Passwords).Assembly.GetManifestResourceStream(Name)
            ?? throw new InvalidOperationException($"{Name} is not embedded.");
        using var reader = new StreamReader(stream);
        var lines = reader.ReadToEnd().Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return new(lines, StringComparer.OrdinalIgnoreCase);
    }
}
