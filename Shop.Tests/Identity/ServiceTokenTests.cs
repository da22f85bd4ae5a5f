using System.Net.Http.Headers;
using System.Text;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Shop.Tests.Identity;

public sealed class ServiceTokenTests(IdentityService identity) : IClassFixture<IdentityService>
{
    [Theory]
    [InlineData("ordering", "catalog.internal payments.internal")]
    [InlineData("workers", "catalog.internal ordering.internal payments.internal ops")]
    public async Task A_service_gets_its_own_scopes(string client, string scope)
    {
        var token = new JsonWebToken(await TokenAsync(identity, client));

        Assert.Equal(client, token.Subject);
        Assert.Equal(client, token.GetClaim("client_id").Value);
        Assert.Equal("service", token.GetClaim("role").Value);
        Assert.Equal(scope, token.GetClaim("scope").Value);
    }

    [Theory]
    [InlineData("ordering", "another secret")]
    [InlineData("nobody", "secret-of-ordering")]
    [InlineData("payments", "")] // Known, but without a configured secret.
    public async Task An_unknown_client_or_secret_is_refused(string clientId, string clientSecret)
    {
        var json = await identity.PostAsync("/auth/token", new { clientId, clientSecret });
        var form = await FormAsync(clientId, clientSecret);

        Assert.Equal(clientSecret.Length == 0 ? 400 : 401, (int)json.StatusCode);
        Assert.Equal("invalid_client", (await IdentityService.JsonAsync(form, 401)).GetProperty("error").GetString());
    }

    [Fact]
    public async Task The_form_of_the_standard_works_with_the_names_of_the_standard()
    {
        var answer = await IdentityService.JsonAsync(
            await FormAsync("ordering", "secret-of-ordering", "catalog.internal"), 200);

        var token = new JsonWebToken(answer.GetProperty("access_token").GetString());
        Assert.Equal("catalog.internal", token.GetClaim("scope").Value);
        Assert.Equal("Bearer", answer.GetProperty("token_type").GetString());
        Assert.Equal(600, answer.GetProperty("expires_in").GetInt32());
        Assert.Equal("catalog.internal", answer.GetProperty("scope").GetString());
    }

    [Fact]
    public async Task Basic_authentication_works_too()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/auth/token")
        {
            Content = new FormUrlEncodedContent([new("grant_type", "client_credentials")]),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("ordering:secret%2Dof-ordering")));

        await IdentityService.JsonAsync(await identity.Http.SendAsync(request), 200);
    }

    [Fact]
    public async Task No_scope_but_its_own_and_no_other_grant()
    {
        var scope = await FormAsync("ordering", "secret-of-ordering", "ops");
        var grant = await identity.Http.PostAsync(
            "/auth/token", new FormUrlEncodedContent([new("grant_type", "password"), new("client_id", "ordering")]));

        Assert.Equal("invalid_scope", await ErrorAsync(scope));
        Assert.Equal("unsupported_grant_type", await ErrorAsync(grant));

        static async Task<string?> ErrorAsync(HttpResponseMessage answer) =>
            (await IdentityService.JsonAsync(answer, 400)).GetProperty("error").GetString();
    }

    [Theory]
    [InlineData("{", "application/json", 400)]
    [InlineData("[]", "application/json", 400)]
    [InlineData("null", "application/json", 400)]
    [InlineData("{\"clientId\": 5}", "application/json", 400)]
    [InlineData("hello", "text/plain", 415)]
    public async Task A_bad_body_is_the_callers_fault(string body, string type, int status)
    {
        using var content = new StringContent(body, Encoding.UTF8, type);

        await IdentityService.JsonAsync(await identity.Http.PostAsync("/auth/token", content), status);
    }

    [Fact]
    public async Task A_services_token_is_no_user()
    {
        var token = await TokenAsync(identity, "workers");

        Assert.Equal(403, await identity.StatusOfMeAsync(token));
        Assert.Equal(401, (int)(await identity.PostAsync("/auth/logout", null, token)).StatusCode);
    }

    internal static async Task<string> TokenAsync(IdentityService identity, string clientId)
    {
        var answer = await identity.PostAsync("/auth/token", new { clientId, clientSecret = $"secret-of-{clientId}" });
        return (await IdentityService.JsonAsync(answer, 200)).GetProperty("accessToken").GetString()!;
    }

    private Task<HttpResponseMessage> FormAsync(string clientId, string secret, string? scope = null) =>
        identity.Http.PostAsync("/auth/token", new FormUrlEncodedContent(
        [
            new("grant_type", "client_credentials"), new("client_id", clientId), new("client_secret", secret),
            .. scope is null ? Array.Empty<KeyValuePair<string, string>>() : [new("scope", scope)],
        ]));
}
