using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Shop.ServiceDefaults.Data;

/// <summary>
/// The two ways into one service's database: as its owner, as configured, for the schema alone; and as the service's
/// own role, which owns nothing, for all else (docs/adr/0031-database-roles.md).
/// </summary>
/// <param name="Owner">The connection string as configured.</param>
/// <param name="Service">The same with user and password of the role.</param>
/// <param name="Role">The role, or null where the service runs as the owner on request.</param>
internal sealed record DatabaseLogin(string Owner, string Service, DatabaseRole? Role)
{
    private const int MaxNameBytes = 63; // PostgreSQL cuts longer names, and two of them could become one.
    private const string Suffix = "_app";

    /// <exception cref="InvalidOperationException">A setting is missing; the message says which.</exception>
    public static DatabaseLogin Of(string connectionName, string? connectionString, DatabaseOptions options)
    {
        if (string.IsNullOrEmpty(connectionString))
        {
            throw new InvalidOperationException($"Connection string '{connectionName}' is missing.");
        }

        if (options.RunAsOwner) return new(connectionString, connectionString, null);

        var owner = new NpgsqlConnectionStringBuilder(connectionString);
        var role = options.Roles.TryGetValue(connectionName, out var given)
            ? Given(connectionName, given)
            : Derive(connectionName, owner, options.RoleSecret);
        if (role.Name == owner.Username)
        {
            throw new InvalidOperationException(
                $"The role of '{connectionName}' is the user of its connection string, who owns the tables. Name "
                + "another, or set Database:RunAsOwner=true.");
        }

        owner.Username = role.Name;
        owner.Password = role.Password;
        return new(connectionString, owner.ConnectionString, role);
    }

    private static DatabaseRole Given(string connectionName, DatabaseOptions.GivenRole given) =>
        given is { Name.Length: > 0, Password.Length: > 0 }
            ? new(given.Name, given.Password, IsGiven: true)
            : throw new InvalidOperationException(
                $"Database:Roles:{connectionName} needs a Name and a Password.");

    /// <summary>
    /// Every process that knows the secret comes to the same password without asking anybody, and the password of one
    /// role tells nothing of another's.
    /// </summary>
    private static DatabaseRole Derive(
        string connectionName, NpgsqlConnectionStringBuilder owner, string? configuredSecret)
    {
        var secret = configuredSecret is { Length: > 0 } ? configuredSecret : owner.Password;
        if (string.IsNullOrEmpty(secret))
        {
            throw new InvalidOperationException(
                $"The password of the role of '{connectionName}' is derived from Database:RoleSecret, or from the "
                + "owner's password; there is neither. Set Database:RoleSecret.");
        }

        var name = $"{owner.Database}{Suffix}";
        if (owner.Database is not { Length: > 0 } || Encoding.UTF8.GetByteCount(name) > MaxNameBytes)
        {
            throw new InvalidOperationException(
                $"Connection string '{connectionName}' needs the name of a database, of at most "
                + $"{MaxNameBytes - Suffix.Length} bytes: the service's role is named after it.");
        }

        var key = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"database role {name}"));
        return new(name, Base64Url.EncodeToString(key), IsGiven: false);
    }
}

/// <summary>As whom a service connects.</summary>
/// <param name="IsGiven">Somebody else made it and sets its password; else the migrator does.</param>
internal sealed record DatabaseRole(string Name, string Password, bool IsGiven);
