using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Shop.Identity.Keys;

/// <summary>What others need to validate our tokens: OpenID Connect Discovery 1.0, the key set of RFC 7517.</summary>
internal static class PublishKeys
{
    private const string MayBeCached = "public, max-age=60";

    public static JsonHttpResult<JwkSet> KeySet(SigningKeys keys, HttpContext http)
    {
        http.Response.Headers.CacheControl = MayBeCached;
        return TypedResults.Json(keys.Published, contentType: "application/jwk-set+json");
    }

    public static Ok<Discovery> Configuration(IOptions<IdentityOptions> options, HttpContext http)
    {
        http.Response.Headers.CacheControl = MayBeCached;
        var issuer = options.Value.Issuer.TrimEnd('/');
        return TypedResults.Ok(new Discovery(
            options.Value.Issuer,
            $"{issuer}/.well-known/jwks.json",
            $"{issuer}/auth/token",
            ["client_credentials"],
            ["client_secret_post", "client_secret_basic"],
            [],
            ["public"],
            [SecurityAlgorithms.EcdsaSha256]));
    }

    public sealed record Discovery(
        [property: JsonPropertyName("issuer")] string Issuer,
        [property: JsonPropertyName("jwks_uri")] string JwksUri,
        [property: JsonPropertyName("token_endpoint")] string TokenEndpoint,
        [property: JsonPropertyName("grant_types_supported")] string[] GrantTypes,
        [property: JsonPropertyName("token_endpoint_auth_methods_supported")] string[] ClientAuthentication,
        [property: JsonPropertyName("response_types_supported")] string[] ResponseTypes,
        [property: JsonPropertyName("subject_types_supported")] string[] SubjectTypes,
        [property: JsonPropertyName("id_token_signing_alg_values_supported")] string[] Algorithms);
}
