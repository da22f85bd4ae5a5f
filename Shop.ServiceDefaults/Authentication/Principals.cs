using System.Security.Claims;

namespace Shop.ServiceDefaults.Authentication;

/// <summary>Who is asking, from the claims of a token that was validated.</summary>
public static class Principals
{
    internal const string Subject = "sub";
    internal const string Role = "role";
    internal const string Scope = "scope";
    private const string Seller = "seller_id";

    /// <summary>The user's id. Throws for a service's token, which the policy of the endpoint has to refuse.</summary>
    public static Guid UserId(this ClaimsPrincipal principal) =>
        IdOf(principal, Subject) ?? throw new InvalidOperationException("The token names no user.");

    /// <summary>The seller that this user acts for, if any.</summary>
    public static Guid? SellerId(this ClaimsPrincipal principal) => IdOf(principal, Seller);

    public static bool IsAdmin(this ClaimsPrincipal principal) => HasRole(principal, "admin");

    internal static bool IsService(this ClaimsPrincipal principal) => HasRole(principal, "service");

    internal static bool IsUser(this ClaimsPrincipal principal) =>
        principal.Identity is { IsAuthenticated: true }
        && !principal.IsService()
        && IdOf(principal, Subject) is not null;

    internal static bool HasRole(this ClaimsPrincipal principal, string role)
    {
        ArgumentNullException.ThrowIfNull(principal);
        return principal.HasClaim(Role, role);
    }

    internal static bool HasScope(this ClaimsPrincipal principal, string scope)
    {
        foreach (var claim in principal.FindAll(Scope))
        {
            foreach (var part in claim.Value.AsSpan().Split(' '))
            {
                if (claim.Value.AsSpan(part).SequenceEqual(scope)) return true;
            }
        }

        return false;
    }

    private static Guid? IdOf(ClaimsPrincipal principal, string claim)
    {
        ArgumentNullException.ThrowIfNull(principal);
        return Guid.TryParse(principal.FindFirst(claim)?.Value, out var id) ? id : null;
    }
}
