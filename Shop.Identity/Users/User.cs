namespace Shop.Identity.Users;

/// <summary>
/// A row of users, for reading. E-mail, name and phone are encrypted (<see cref="PersonalData"/>); exactly a seller
/// has a seller id.
/// </summary>
internal sealed class User
{
    public Guid Id { get; private set; }

    public byte[] EmailHash { get; private set; } = [];

    public byte[] Email { get; private set; } = [];

    public byte[] Name { get; private set; } = [];

    public byte[]? Phone { get; private set; }

    public string PasswordHash { get; private set; } = "";

    public string[] Roles { get; private set; } = [];

    public Guid? SellerId { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }
}

internal static class Roles
{
    public const string Customer = "customer";
    public const string Seller = "seller";
    public const string Admin = "admin";

    /// <summary>Never a user's: the role of a service's own token.</summary>
    public const string Service = "service";

    public static readonly string[] OfUsers = [Customer, Seller, Admin];
}
