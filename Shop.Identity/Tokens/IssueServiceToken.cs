using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Identity.Tokens;

/// <summary>
/// The client credentials grant, for services: as JSON <c>{clientId, clientSecret}</c>, or as the form (or form with
/// HTTP Basic) of RFC 6749, which is then also the form of the answer.
/// </summary>
internal static class IssueServiceToken
{
    private const string Grant = "client_credentials";
    private const int MaxLength = 256;

    public static async Task<IResult> Handle(
        HttpContext http, ServiceAccounts accounts, AccessTokens tokens, CancellationToken ct)
    {
        http.Response.Headers.CacheControl = "no-store";
        if (http.Request.HasFormContentType)
        {
            return AnswerForm(await http.Request.ReadFormAsync(ct), http, accounts, tokens);
        }

        if (!http.Request.HasJsonContentType())
        {
            return Problems.Of(
                StatusCodes.Status415UnsupportedMediaType, "unsupported-media-type", "Send JSON or a form.");
        }

        try
        {
            return AnswerJson(await http.Request.ReadFromJsonAsync<Request>(ShopJson.Options, ct), accounts, tokens);
        }
        catch (JsonException)
        {
            // The body's fault, not ours; what it says may hold a secret and is not repeated.
            return Problems.Invalid("body", "The body is not the JSON object {clientId, clientSecret}.");
        }
    }

    private static IResult AnswerJson(Request? request, ServiceAccounts accounts, AccessTokens tokens)
    {
        if (request is not { ClientId.Length: > 0 and <= MaxLength })
        {
            return Problems.Invalid("clientId", "The client id is missing or too long.");
        }

        if (request is not { ClientSecret.Length: > 0 and <= MaxLength })
        {
            return Problems.Invalid("clientSecret", "The client secret is missing or too long.");
        }

        return accounts.Authenticate(request.ClientId, request.ClientSecret) is { } scopes
            ? TypedResults.Ok(new Response(
                tokens.ForService(request.ClientId, string.Join(' ', scopes)),
                AccessTokens.TokenType,
                tokens.LifetimeSeconds))
            : Problems.Of(StatusCodes.Status401Unauthorized, "invalid-client", "Unknown client, or another secret.");
    }

    private static IResult AnswerForm(
        IFormCollection form, HttpContext http, ServiceAccounts accounts, AccessTokens tokens)
    {
        if (form["grant_type"] != Grant) return Refusal("unsupported_grant_type", StatusCodes.Status400BadRequest);

        var (clientId, secret) = Basic(http.Request)
            ?? (form["client_id"].ToString(), form["client_secret"].ToString());
        if (clientId.Length > MaxLength || secret.Length > MaxLength
            || accounts.Authenticate(clientId, secret) is not { } scopes)
        {
            http.Response.Headers.WWWAuthenticate = "Basic realm=\"shop\"";
            return Refusal("invalid_client", StatusCodes.Status401Unauthorized);
        }

        var wanted = form["scope"].ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (wanted.Except(scopes).Any()) return Refusal("invalid_scope", StatusCodes.Status400BadRequest);

        var scope = string.Join(' ', wanted.Length == 0 ? scopes : wanted.Distinct());
        return TypedResults.Json(new OAuthResponse(
            tokens.ForService(clientId, scope), AccessTokens.TokenType, tokens.LifetimeSeconds, scope));
    }

    private static JsonHttpResult<OAuthRefusal> Refusal(string error, int status) =>
        TypedResults.Json(new OAuthRefusal(error), statusCode: status);

    /// <summary>HTTP Basic with both parts form-encoded, as RFC 6749 section 2.3.1 has it.</summary>
    private static (string Id, string Secret)? Basic(HttpRequest request)
    {
        if (!AuthenticationHeaderValue.TryParse(request.Headers.Authorization, out var header)
            || !header.Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase)
            || header.Parameter is not { Length: <= 4 * MaxLength } parameter)
        {
            return null;
        }

        Span<byte> bytes = stackalloc byte[4 * MaxLength];
        if (!Convert.TryFromBase64String(parameter, bytes, out var length)) return null;
        var parts = Encoding.UTF8.GetString(bytes[..length]).Split(':', 2);
        return parts.Length == 2 ? (Decode(parts[0]), Decode(parts[1])) : null;

        static string Decode(string part) => Uri.UnescapeDataString(part.Replace('+', ' '));
    }

    public sealed record Request(string? ClientId, string? ClientSecret);

    public sealed record Response(string AccessToken, string TokenType, int ExpiresIn);

    public sealed record OAuthResponse(
        [property: JsonPropertyName("access_token")] string AccessToken,
        [property: JsonPropertyName("token_type")] string TokenType,
        [property: JsonPropertyName("expires_in")] int ExpiresIn,
        [property: JsonPropertyName("scope")] string Scope);

    public sealed record OAuthRefusal([property: JsonPropertyName("error")] string Error);
}
