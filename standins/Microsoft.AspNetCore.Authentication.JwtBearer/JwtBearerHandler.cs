using System.Globalization;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Microsoft.AspNetCore.Authentication.JwtBearer;

public class JwtBearerHandler(
    IOptionsMonitor<JwtBearerOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<JwtBearerOptions>(options, logger, encoder)
{
    private const string Prefix = "Bearer ";
    private static readonly JsonWebTokenHandler Tokens = new();

    protected new JwtBearerEvents Events => (JwtBearerEvents)base.Events!;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var received = new MessageReceivedContext(Context, Scheme, Options);
        await Events.OnMessageReceived(received);
        if (received.Result is not null) return received.Result;

        var token = string.IsNullOrEmpty(received.Token) ? FromHeader() : received.Token;
        if (string.IsNullOrEmpty(token)) return AuthenticateResult.NoResult();

        // The library throws for what is no token at all, and reports for what is a bad one.
        TokenValidationResult result;
        try
        {
            result = Tokens.ValidateToken(token, Options.TokenValidationParameters);
        }
        catch (Exception failure) when (failure is ArgumentException or SecurityTokenException)
        {
            return Refused(failure);
        }

        if (!result.IsValid) return Refused(result.Exception);

        var validated = new TokenValidatedContext(Context, Scheme, Options)
        {
            Principal = new ClaimsPrincipal(result.ClaimsIdentity),
            SecurityToken = result.SecurityToken,
        };
        await Events.OnTokenValidated(validated);
        if (validated.Result is null) validated.Success();
        return validated.Result!;
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var result = await HandleAuthenticateOnceSafeAsync();
        Response.StatusCode = StatusCodes.Status401Unauthorized;
        var challenge = Options.Challenge;
        if (Options.IncludeErrorDetails && result.Failure is { } failure)
        {
            challenge += " error=\"invalid_token\"";
            if (Describe(failure) is { } description) challenge += $", error_description=\"{description}\"";
        }

        Response.Headers.Append("WWW-Authenticate", challenge);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        Response.StatusCode = StatusCodes.Status403Forbidden;
        return Task.CompletedTask;
    }

    private AuthenticateResult Refused(Exception failure)
    {
        Logger.LogInformation(failure, "Failed to validate the token.");
        return AuthenticateResult.Fail(failure);
    }

    private string? FromHeader()
    {
        string? authorization = Request.Headers.Authorization;
        return authorization?.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) == true
            ? authorization[Prefix.Length..].Trim()
            : null;
    }

    private static string? Describe(Exception failure) => failure switch
    {
        SecurityTokenInvalidAudienceException e => $"The audience '{e.InvalidAudience ?? "(null)"}' is invalid",
        SecurityTokenInvalidIssuerException e => $"The issuer '{e.InvalidIssuer ?? "(null)"}' is invalid",
        SecurityTokenNoExpirationException => "The token has no expiration",
        SecurityTokenInvalidLifetimeException e =>
            $"The token lifetime is invalid; NotBefore: '{Text(e.NotBefore)}', Expires: '{Text(e.Expires)}'",
        SecurityTokenNotYetValidException e => $"The token is not valid before '{Text(e.NotBefore)}'",
        SecurityTokenExpiredException e => $"The token expired at '{Text(e.Expires)}'",
        SecurityTokenSignatureKeyNotFoundException => "The signature key was not found",
        SecurityTokenInvalidSignatureException => "The signature is invalid",
        _ => null,
    };

    private static string Text(DateTime? time) => time?.ToString(CultureInfo.InvariantCulture) ?? "(null)";
}
