using System.Net;
using System.Net.Http.Headers;
using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Shop.ServiceDefaults.Authentication;
using Shop.Tests.ServiceDefaults.Http;

namespace Shop.Tests.ServiceDefaults.Authentication;

/// <summary>Which tokens are taken, who they make of the caller, and what happens while Identity is away.</summary>
public sealed class TokenTests : IAsyncLifetime
{
    private const string User = "0197c7a5-5b3c-7000-8000-000000000001";
    private const string Seller = "0197c7a5-5b3c-7000-8000-000000000002";
    private readonly ShiftedClock _clock = new();
    private FakeIdentity _identity = null!;
    private TinyService _service = null!;

    private TestKey Key => _identity.Key;

    public async Task InitializeAsync()
    {
        _identity = await FakeIdentity.StartAsync();
        _service = await StartServiceAsync(("Identity:UnknownKeyPauseSeconds", "60"));
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _identity.DisposeAsync();
    }

    [Fact]
    public async Task A_good_token_makes_the_principal_with_its_short_names()
    {
        var answer = await GetAsync("/me", Key.Sign(
            User, ("role", new[] { "customer", "seller" }), ("seller_id", Seller)));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal($"{User} {Seller} customer,seller False", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task No_token_is_a_challenge_without_an_error()
    {
        var answer = await GetAsync("/me", token: null);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("Bearer", answer.Headers.WwwAuthenticate.ToString());
    }

    public static TheoryData<string, string?> BadTokens => new()
    {
        { "garbage", null },
        { "none", "The signature is invalid" },
        { "confused", null },
        { "tampered", "The signature is invalid" },
        { "expired", "The token expired at " },
        { "too early", "The token is not valid before " },
        { "endless", "The token " },
        { "other issuer", "The issuer 'http://evil' is invalid" },
        { "other audience", "The audience 'bank' is invalid" },
        { "stranger's key", "The signature key was not found" },
    };

    [Theory]
    [MemberData(nameof(BadTokens))]
    public async Task A_bad_token_is_refused_and_the_header_says_why(string kind, string? description)
    {
        var now = TimeProvider.System.GetUtcNow();
        var good = Key.Sign(User);
        var token = kind switch
        {
            "garbage" => "abc",
            "none" => Key.Unsigned(User),
            "confused" => Key.SignedWithPublicKey(User),
            "tampered" => good[..^8] + (good.EndsWith("AAAAAAAA", StringComparison.Ordinal) ? "BBBBBBBB" : "AAAAAAAA"),
            "expired" => Key.Sign(User, ("exp", now.AddMinutes(-1).ToUnixTimeSeconds())),
            "too early" => Key.Sign(User, ("nbf", now.AddMinutes(2).ToUnixTimeSeconds())),
            "endless" => Key.Sign(User, ("exp", null)),
            "other issuer" => Key.Sign(User, ("iss", "http://evil")),
            "other audience" => Key.Sign(User, ("aud", "bank")),
            "stranger's key" => new TestKey("stranger").Sign(User),
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };
        Assert.Equal(HttpStatusCode.OK, (await GetAsync("/me", good)).StatusCode);

        var answer = await GetAsync("/me", token);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var challenge = answer.Headers.WwwAuthenticate.ToString();
        Assert.StartsWith("Bearer error=\"invalid_token\"", challenge, StringComparison.Ordinal);
        if (description is not null)
        {
            Assert.Contains($"error_description=\"{description}", challenge, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Keys_at_hand_go_on_while_identity_is_away()
    {
        Assert.Equal(HttpStatusCode.OK, (await GetAsync("/me", Key.Sign(User))).StatusCode);
        _identity.Down = true;

        Assert.Equal(HttpStatusCode.OK, (await GetAsync("/me", Key.Sign(User))).StatusCode);
        Assert.Equal(
            HttpStatusCode.Unauthorized, (await GetAsync("/me", new TestKey("unknown").Sign(User))).StatusCode);
    }

    [Fact]
    public async Task Without_any_key_yet_a_closed_endpoint_is_503_and_an_open_one_goes_on()
    {
        _identity.Down = true;

        var closed = await GetAsync("/me", Key.Sign(User));
        var open = await GetAsync("/open", Key.Sign(User));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, closed.StatusCode);
        Assert.NotNull(closed.Headers.RetryAfter);
        Assert.Equal(HttpStatusCode.OK, open.StatusCode);
        Assert.Equal("nobody", await open.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_new_key_is_fetched_with_its_first_token_but_not_for_each_stranger()
    {
        Assert.Equal(HttpStatusCode.OK, (await GetAsync("/me", Key.Sign(User))).StatusCode);
        var second = new TestKey("key-2");
        _identity.Publish(Key, second);

        // Within the pause nobody can make us ask again.
        for (var i = 0; i < 5; i++) await GetAsync("/me", new TestKey($"stranger-{i}").Sign(User));
        Assert.Equal(1, _identity.KeyFetches);
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync("/me", second.Sign(User))).StatusCode);

        _clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync("/me", second.Sign(User))).StatusCode);
        Assert.Equal(2, _identity.KeyFetches);
    }

    [Fact]
    public async Task A_token_is_refused_once_its_key_is_withdrawn_though_it_was_cached()
    {
        await using var service = await StartServiceAsync(("Identity:KeysRefreshSeconds", "0.1"));
        var token = Key.Sign(User);
        Assert.Equal(HttpStatusCode.OK, (await GetAsync("/me", token, service)).StatusCode);
        var second = new TestKey("key-2");
        _identity.Publish(second);

        var deadline = TimeProvider.System.GetUtcNow().AddSeconds(60);
        HttpStatusCode status;
        do
        {
            await Task.Delay(20);
            status = (await GetAsync("/me", token, service)).StatusCode;
        }
        while (status == HttpStatusCode.OK && TimeProvider.System.GetUtcNow() < deadline);

        Assert.Equal(HttpStatusCode.Unauthorized, status);
        Assert.Equal(HttpStatusCode.OK, (await GetAsync("/me", second.Sign(User), service)).StatusCode);
    }

    [Fact]
    public async Task A_validated_token_is_kept_until_it_expires_and_not_longer()
    {
        var tokens = _service.Get<ValidatedTokens>();
        var token = Key.Sign(User);
        Assert.Null(tokens.Find(token));

        await GetAsync("/me", token);
        var kept = tokens.Find(token);
        Assert.Equal(User, kept?.FindFirstValue("sub"));
        await GetAsync("/me", token);
        Assert.Same(kept, tokens.Find(token));

        _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Null(tokens.Find(token));
    }

    [Fact]
    public async Task Only_so_many_validated_tokens_are_kept()
    {
        await using var service = await StartServiceAsync(("Identity:CachedTokens", "10"));
        var tokens = service.Get<ValidatedTokens>();
        var all = Enumerable.Range(0, 100).Select(_ => Key.Sign(User)).ToList();

        foreach (var token in all) await GetAsync("/me", token, service);

        var kept = all.Where(token => tokens.Find(token) is not null).ToList();
        Assert.InRange(kept.Count, 1, 10);
        Assert.Contains(all[^1], kept);
    }

    [Fact]
    public async Task A_refused_token_is_never_kept()
    {
        var tokens = _service.Get<ValidatedTokens>();
        var refused = Key.Sign(User, ("aud", "bank"));

        await GetAsync("/me", refused);

        Assert.Null(tokens.Find(refused));
        Assert.Equal("bank", new JsonWebToken(refused).Audiences.Single());
    }

    private Task<TinyService> StartServiceAsync(params (string, string)[] settings) => TinyService.StartAsync(
        app =>
        {
            app.MapGet("/me", (ClaimsPrincipal user) =>
                $"{user.UserId()} {user.SellerId()} {string.Join(',', user.FindAll("role").Select(c => c.Value))} "
                + $"{user.IsAdmin()}").RequireAuthorization(Policies.SignedIn);
            app.MapGet("/open", (HttpContext context) => context.User.FindFirstValue("sub") ?? "nobody")
                .AllowAnonymous();
        },
        builder => builder.Services.AddSingleton<TimeProvider>(_clock),
        [_identity.Endpoint, ("Http:RetryCount", "0"), .. settings]);

    private async Task<HttpResponseMessage> GetAsync(string path, string? token, TinyService? service = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await (service ?? _service).Client.SendAsync(request);
    }
}
