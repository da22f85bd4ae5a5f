using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Shop.Identity.Keys;
using Shop.Identity.Users;

namespace Shop.Identity.Tokens;

/// <summary>Signs access tokens: ES256, short-lived, readable by every service without asking us.</summary>
internal sealed class AccessTokens(SigningKeys keys, IOptions<IdentityOptions> options, TimeProvider clock)
{
    public const string TokenType = "Bearer";

    private static readonly JsonWebTokenHandler Handler = new();

    public int LifetimeSeconds => options.Value.AccessTokenSeconds;

    public string ForUser(Guid userId, string[] roles, Guid? sellerId)
    {
        // One role is a string and several are an array: both read as one claim per role.
        var claims = Claims(userId.ToString(), roles.Length == 1 ? roles[0] : roles);
        if (sellerId is { } seller) claims["seller_id"] = seller.ToString();
        return Sign(claims);
    }

    public string ForService(string clientId, string scope)
    {
        var claims = Claims(clientId, Roles.Service);
        claims["client_id"] = clientId;
        claims["scope"] = scope;
        return Sign(claims);
    }

    private Dictionary<string, object> Claims(string subject, object role) => new()
    {
        ["sub"] = subject,
        ["role"] = role,
        ["jti"] = Guid.CreateVersion7(clock.GetUtcNow()).ToString(),
    };

    private string Sign(Dictionary<string, object> claims)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        return Handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = options.Value.Issuer,
            Audience = options.Value.Audience,
            IssuedAt = now,
            NotBefore = now,
            Expires = now.AddSeconds(LifetimeSeconds),
            Claims = claims,
            SigningCredentials = keys.Signing.Credentials,
        });
    }
}
