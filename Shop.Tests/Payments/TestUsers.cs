using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Shop.Tests.Payments;

/// <summary>
/// <c>Authorization: Test {user id}[ admin]</c> or <c>[ seller {seller id}]</c> is that user, <c>Test service</c> is
/// Ordering.
/// </summary>
internal sealed class TestUsers(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var parts = Request.Headers.Authorization.ToString().Split(' ');
        if (parts is not ["Test", var who, ..]) return Task.FromResult(AuthenticateResult.NoResult());

        Claim[] claims = who == "service"
            ? [new("role", "service"), new("scope", "payments.internal")]
            : [new("sub", who), new("role", parts.Length > 2 ? parts[2] : "customer")];
        if (parts.Length > 3) claims = [.. claims, new("seller_id", parts[3])];
        var identity = new ClaimsIdentity(claims, "test", "sub", "role");
        return Task.FromResult(AuthenticateResult.Success(new(new ClaimsPrincipal(identity), "test")));
    }
}
