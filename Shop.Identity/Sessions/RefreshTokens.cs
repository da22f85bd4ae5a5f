using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using Shop.Identity.Tokens;
using Shop.ServiceDefaults.Data;

namespace Shop.Identity.Sessions;

/// <summary>
/// Refresh tokens: 256 random bits, of which only the hash is stored. Each is good once; it and all that came of the
/// same login are a family, which ends together.
/// </summary>
internal sealed class RefreshTokens(IOptions<IdentityOptions> options)
{
    public const int MaxLength = 100;

    private const string InsertFamilySql = """
        insert into refresh_families (id, user_id, created_at, expires_at) values (@Id, @UserId, @Now, @ExpiresAt)
        """;

    private const string InsertSql = """
        insert into refresh_tokens (token_hash, family_id, created_at, expires_at)
        values (@Hash, @Family, @Now, @ExpiresAt)
        """;

    public static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>Starts the family of a login and answers its first token.</summary>
    public async Task<string> StartAsync(Transaction<IdentityDb> tx, Guid userId)
    {
        var family = Guid.CreateVersion7(tx.Now);
        var end = tx.Now.AddSeconds(options.Value.RefreshFamilySeconds);
        await tx.ExecuteAsync(InsertFamilySql, new { Id = family, UserId = userId, tx.Now, ExpiresAt = end });
        return await NextAsync(tx, family, end);
    }

    /// <summary>The next token of a family, which ends with the family at the latest.</summary>
    public async Task<string> NextAsync(Transaction<IdentityDb> tx, Guid family, DateTimeOffset familyEnd)
    {
        var token = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        var end = tx.Now.AddSeconds(options.Value.RefreshTokenSeconds);
        await tx.ExecuteAsync(InsertSql, new
        {
            Hash = HashOf(token),
            Family = family,
            tx.Now,
            ExpiresAt = end < familyEnd ? end : familyEnd,
        });
        return token;
    }
}

/// <summary>What login and refresh answer.</summary>
internal sealed record Session(string AccessToken, string RefreshToken, string TokenType, int ExpiresIn)
{
    public static Session Of(AccessTokens tokens, Guid userId, string[] roles, Guid? sellerId, string refreshToken) =>
        new(tokens.ForUser(userId, roles, sellerId), refreshToken, AccessTokens.TokenType, tokens.LifetimeSeconds);
}
