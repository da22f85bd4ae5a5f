using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Shop.ServiceDefaults.Http;
using Shop.Tests.ServiceDefaults.Authentication;

namespace Shop.Tests.ServiceDefaults.Http;

/// <summary>A service's own token: fetched once, renewed in time, never sent where it does not belong.</summary>
public sealed class ServiceTokenTests : IAsyncLifetime
{
    private readonly ShiftedClock _clock = new();
    private readonly List<string> _seen = [];
    private Func<string, int> _status = _ => StatusCodes.Status200OK;
    private FakeIdentity _identity = null!;
    private WebApplication _catalog = null!;
    private TinyService _caller = null!;

    public async Task InitializeAsync()
    {
        _identity = await FakeIdentity.StartAsync();
        _catalog = await TinyService.StartPlainAsync(app => app.Run(context =>
        {
            var token = context.Request.Headers.Authorization.ToString();
            lock (_seen) _seen.Add(token);
            context.Response.StatusCode = _status(token);
            return Task.CompletedTask;
        }));
        _caller = await StartCallerAsync("secret");
    }

    public async Task DisposeAsync()
    {
        await _caller.DisposeAsync();
        await _catalog.DisposeAsync();
        await _identity.DisposeAsync();
    }

    [Fact]
    public async Task Many_first_calls_at_once_fetch_one_token()
    {
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => CallAsync()));
        await CallAsync();

        Assert.Equal(1, _identity.TokenFetches);
        Assert.Equal(21, _seen.Count);
        Assert.StartsWith("Bearer ey", Assert.Single(_seen.Distinct()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_renewed_ahead_of_its_end()
    {
        await CallAsync();
        _clock.Advance(TimeSpan.FromSeconds(440));
        await CallAsync();
        Assert.Equal(1, _identity.TokenFetches);

        _clock.Advance(TimeSpan.FromSeconds(20));
        await CallAsync();

        Assert.Equal(2, _identity.TokenFetches);
        Assert.NotEqual(_seen[0], _seen[2]);
    }

    [Fact]
    public async Task While_identity_is_away_the_one_at_hand_serves_until_its_end()
    {
        await CallAsync();
        _identity.Down = true;
        _clock.Advance(TimeSpan.FromSeconds(590));

        Assert.Equal(HttpStatusCode.OK, await CallAsync());
        Assert.Equal(_seen[0], _seen[1]);

        _clock.Advance(TimeSpan.FromSeconds(20));
        var failure = await Assert.ThrowsAsync<ServiceUnavailableException>(CallAsync);
        Assert.Equal("identity", failure.Service);
        Assert.Equal(2, _seen.Count);
    }

    [Fact]
    public async Task A_token_that_is_refused_is_replaced_once()
    {
        await CallAsync();
        var old = _seen[0];
        _status = token => token == old ? StatusCodes.Status401Unauthorized : StatusCodes.Status200OK;

        Assert.Equal(HttpStatusCode.OK, await CallAsync());
        Assert.Equal((2, 3), (_identity.TokenFetches, _seen.Count));

        _status = _ => StatusCodes.Status401Unauthorized;
        Assert.Equal(HttpStatusCode.Unauthorized, await CallAsync());
        Assert.Equal((3, 5), (_identity.TokenFetches, _seen.Count));
    }

    [Fact]
    public async Task A_token_that_the_caller_put_there_is_left_alone()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", "the-users");

        using var answer = await _caller.Get<CatalogClient>().Http.SendAsync(request);

        Assert.Equal(["Bearer the-users"], _seen);
        Assert.Equal(0, _identity.TokenFetches);
    }

    [Fact]
    public async Task A_stranger_outside_the_shop_never_gets_it()
    {
        using var answer = await _caller.Get<OutsideClient>().Http.GetAsync(new Uri("/", UriKind.Relative));

        Assert.Equal([""], _seen);
        Assert.Equal(0, _identity.TokenFetches);
    }

    [Fact]
    public async Task A_wrong_secret_is_a_fault_and_no_outage()
    {
        await using var caller = await StartCallerAsync("wrong");

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => caller.Get<CatalogClient>().Http.GetAsync(new Uri("/", UriKind.Relative)));

        Assert.Empty(_seen);
    }

    private Task<TinyService> StartCallerAsync(string secret) => TinyService.StartAsync(
        map: null,
        builder =>
        {
            builder.Services.AddSingleton<TimeProvider>(_clock);
            builder.AddServiceClient<CatalogClient>("catalog");
            builder.AddServiceClient<OutsideClient>("outside", options => options.SendServiceToken = false);
        },
        _identity.Endpoint,
        ("services:catalog:http:0", _catalog.Urls.Single()),
        ("services:outside:http:0", _catalog.Urls.Single()),
        ("ServiceClient:Id", "catalog"),
        ("ServiceClient:Secret", secret),
        ("Http:RetryCount", "0"));

    private async Task<HttpStatusCode> CallAsync()
    {
        using var answer = await _caller.Get<CatalogClient>().Http.GetAsync(new Uri("/", UriKind.Relative));
        return answer.StatusCode;
    }

    private sealed class CatalogClient(HttpClient http)
    {
        public HttpClient Http => http;
    }

    private sealed class OutsideClient(HttpClient http)
    {
        public HttpClient Http => http;
    }
}
