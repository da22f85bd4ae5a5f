using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Shop.ServiceDefaults.Authentication;
using Shop.Tests.ServiceDefaults.Http;

namespace Shop.Tests.ServiceDefaults.Authentication;

/// <summary>Every policy against every kind of caller.</summary>
public sealed class PolicyTests : IAsyncLifetime
{
    private const string Id = "0197c7a5-5b3c-7000-8000-000000000001";
    private FakeIdentity _identity = null!;
    private TinyService _service = null!;

    public async Task InitializeAsync()
    {
        _identity = await FakeIdentity.StartAsync();
        string[] policies =
        [
            Policies.SignedIn, Policies.Admin, Policies.SellerOrAdmin, Policies.CatalogInternal,
            Policies.OrderingInternal, Policies.PaymentsInternal, Policies.Operations,
        ];
        _service = await TinyService.StartAsync(
            app =>
            {
                foreach (var policy in policies) app.MapGet($"/{policy}", () => "in").RequireAuthorization(policy);
                app.MapGet("/forgotten", () => "in");
            },
            configure: null,
            _identity.Endpoint);
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _identity.DisposeAsync();
    }

    [Theory]
    [InlineData("customer", "signed-in forgotten")]
    [InlineData("seller", "signed-in seller-or-admin forgotten")]
    [InlineData("admin", "signed-in admin seller-or-admin ops forgotten")]
    [InlineData("service:catalog.internal payments.internal", "catalog.internal payments.internal forgotten")]
    [InlineData("service:ordering.internal ops", "ordering.internal ops forgotten")]
    [InlineData("service:catalog.internals", "forgotten")]
    [InlineData("customer:catalog.internal ops", "signed-in forgotten")]
    public async Task A_caller_gets_in_where_its_role_and_scopes_let_it(string caller, string doors)
    {
        var (role, scope) = caller.Split(':') is [var r, var s] ? (r, s) : (caller, "");
        var token = _identity.Key.Sign(role == "service" ? "catalog" : Id, ("role", role), ("scope", scope));
        var open = new List<string>();
        string[] all =
        [
            "signed-in", "admin", "seller-or-admin", "catalog.internal", "ordering.internal", "payments.internal",
            "ops", "forgotten",
        ];

        foreach (var door in all)
        {
            var status = await StatusAsync(door, token);
            if (status == HttpStatusCode.OK) open.Add(door);
            else Assert.Equal(HttpStatusCode.Forbidden, status);
        }

        Assert.Equal(doors, string.Join(' ', open));
    }

    [Fact]
    public async Task Without_a_token_everything_is_closed_and_what_is_not_there_is_not_found()
    {
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync("forgotten"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync("signed-in"));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("nowhere"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("health"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("alive"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("openapi/v1.json"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("swagger/index.html"));
    }

    private async Task<HttpStatusCode> StatusAsync(string path, string? token = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/{path}");
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var answer = await _service.Client.SendAsync(request);
        return answer.StatusCode;
    }
}
