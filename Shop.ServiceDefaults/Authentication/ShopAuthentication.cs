using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Shop.ServiceDefaults.Authentication;

internal static class ShopAuthentication
{
    private const string Section = "Identity";
    private const string Prefix = "Bearer ";
    private static readonly string[] Algorithms = [SecurityAlgorithms.EcdsaSha256];

    public static void AddShopAuthentication(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<TokenOptions>()
            .Bind(builder.Configuration.GetSection(Section))
            .ValidateDataAnnotations()
            .ValidateOnStart();
        services.TryAddSingleton<ISigningKeySource, PublishedSigningKeys>();
        services.AddSingleton<SigningKeys>();
        services.AddHostedService(provider => provider.GetRequiredService<SigningKeys>());
        services.AddSingleton<ValidatedTokens>();
        services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(Configure);
        services.AddOptions<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme)
            .Configure<SigningKeys, IOptions<TokenOptions>>(ConfigureValidation);
        services.AddAuthorizationBuilder().AddShopPolicies();
    }

    private static void Configure(JwtBearerOptions jwt)
    {
        jwt.MapInboundClaims = false;
        jwt.Events.OnMessageReceived = OnMessageReceivedAsync;
        jwt.Events.OnTokenValidated = OnTokenValidated;
    }

    private static void ConfigureValidation(JwtBearerOptions jwt, SigningKeys keys, IOptions<TokenOptions> options)
    {
        jwt.TokenValidationParameters = new TokenValidationParameters
        {
            ValidIssuer = options.Value.Issuer,
            ValidAudience = options.Value.Audience,
            ValidAlgorithms = Algorithms,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            ValidateIssuerSigningKey = true,
            TryAllIssuerSigningKeys = false,
            ClockSkew = TimeSpan.FromSeconds(options.Value.ClockSkewSeconds),
            NameClaimType = Principals.Subject,
            RoleClaimType = Principals.Role,
            IssuerSigningKeyResolver = (_, _, keyId, _) => keys.Find(keyId) is { } key ? [key] : [],
        };
    }

    // The keys are seen to here, where waiting is possible: the resolver of the library is synchronous.
    private static async Task OnMessageReceivedAsync(MessageReceivedContext context)
    {
        if (TokenOf(context.Request) is not { } token) return;
        var services = context.HttpContext.RequestServices;
        if (services.GetRequiredService<ValidatedTokens>().Find(token) is { } principal)
        {
            context.Principal = principal;
            context.Success();
            return;
        }

        if (KeyIdOf(token) is not { } keyId) return;
        if (context.HttpContext.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is not null)
        {
            // What is open to all goes on without Identity; then the token is simply not looked at.
            await TryEnsureAsync(context, services.GetRequiredService<SigningKeys>(), keyId);
            return;
        }

        await services.GetRequiredService<SigningKeys>().EnsureAsync(keyId, context.HttpContext.RequestAborted);
    }

    private static async Task TryEnsureAsync(MessageReceivedContext context, SigningKeys keys, string keyId)
    {
        try
        {
            await keys.EnsureAsync(keyId, context.HttpContext.RequestAborted);
        }
        catch (Http.ServiceUnavailableException)
        {
            context.NoResult();
        }
    }

    private static Task OnTokenValidated(TokenValidatedContext context)
    {
        if (context.Principal is { } principal && TokenOf(context.Request) is { } token)
        {
            context.HttpContext.RequestServices.GetRequiredService<ValidatedTokens>()
                .Add(token, principal, context.SecurityToken);
        }

        return Task.CompletedTask;
    }

    private static string? TokenOf(HttpRequest request)
    {
        string? header = request.Headers.Authorization;
        return header?.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) == true
            ? header[Prefix.Length..].Trim()
            : null;
    }

    private static string? KeyIdOf(string token)
    {
        try
        {
            var header = new JsonWebToken(token);
            return header.TryGetHeaderValue<string>(JwtHeaderParameterNames.Kid, out var id) ? id : null;
        }
        catch (ArgumentException)
        {
            // Not a token: the handler refuses it in its own words.
            return null;
        }
    }

    private static void AddShopPolicies(this AuthorizationBuilder policies) => policies
        .AddPolicy(Policies.SignedIn, policy => policy.RequireAssertion(c => c.User.IsUser()))
        .AddPolicy(Policies.Admin, policy => policy.RequireAssertion(c => c.User.IsUser() && c.User.IsAdmin()))
        .AddPolicy(Policies.SellerOrAdmin, policy => policy.RequireAssertion(
            c => c.User.IsUser() && (c.User.IsAdmin() || c.User.HasRole("seller"))))
        .AddPolicy(Policies.CatalogInternal, policy => policy.RequireScope(Policies.CatalogInternal))
        .AddPolicy(Policies.OrderingInternal, policy => policy.RequireScope(Policies.OrderingInternal))
        .AddPolicy(Policies.PaymentsInternal, policy => policy.RequireScope(Policies.PaymentsInternal))
        .AddPolicy(Policies.Operations, policy => policy.RequireAssertion(
            c => c.User.IsAdmin() || IsServiceWith(c.User, Policies.Operations)))

        // An endpoint that was forgotten is closed. A path without any endpoint is 404 for everybody, not 401.
        .SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAssertion(
            c => c.User.Identity is { IsAuthenticated: true }
                || (c.Resource is HttpContext http && http.GetEndpoint() is not RouteEndpoint)).Build());

    private static void RequireScope(this AuthorizationPolicyBuilder policy, string scope) =>
        policy.RequireAssertion(c => IsServiceWith(c.User, scope));

    private static bool IsServiceWith(ClaimsPrincipal user, string scope) => user.IsService() && user.HasScope(scope);
}
