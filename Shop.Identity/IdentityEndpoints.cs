using Shop.Identity.Keys;
using Shop.Identity.Sessions;
using Shop.Identity.Tokens;
using Shop.Identity.Users;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Limits;

namespace Shop.Identity;

internal static class IdentityEndpoints
{
    public static void MapIdentity(this IEndpointRouteBuilder routes)
    {
        var users = routes.MapGroup("/users").WithTags("Users");
        users.MapPost("/", Register.Handle).WithName("Register").AllowAnonymous()
            .RequireRateLimiting(RateLimits.SignIn);
        users.MapGet("/me", GetMe.Handle).WithName("GetMe").RequireAuthorization(Policies.SignedIn);
        users.MapPatch("/me", ChangeMe.Handle).WithName("ChangeMe").RequireAuthorization(Policies.SignedIn);
        users.MapPut("/{id:guid}/roles", AssignRoles.Handle).WithName("AssignRoles")
            .RequireAuthorization(Policies.Admin);

        // Who asks here is not signed in yet, or says who it is in the body.
        var sessions = routes.MapGroup("/auth").WithTags("Sessions").AllowAnonymous();
        sessions.MapPost("/login", Login.Handle).WithName("Login").RequireRateLimiting(RateLimits.SignIn);
        sessions.MapPost("/refresh", Refresh.Handle).WithName("Refresh").RequireRateLimiting(RateLimits.SignIn);
        sessions.MapPost("/logout", Logout.Handle).WithName("Logout");
        sessions.MapPost("/token", IssueServiceToken.Handle).WithName("IssueServiceToken")
            .DisableRateLimiting() // The services' own, all from one address on a small machine.
            .Accepts<IssueServiceToken.Request>("application/json", "application/x-www-form-urlencoded");

        var keys = routes.MapGroup("/.well-known").WithTags("Keys").AllowAnonymous().DisableRateLimiting();
        keys.MapGet("/openid-configuration", PublishKeys.Configuration).WithName("OpenIdConfiguration");
        keys.MapGet("/jwks.json", PublishKeys.KeySet).WithName("JsonWebKeySet");
    }
}
