using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Shop.ServiceDefaults.Limits;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using Shop.Tests.ServiceDefaults.Authentication;
using Shop.Tests.ServiceDefaults.Http;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Security;

/// <summary>The limits themselves, small, at a service of two routes.</summary>
public sealed class RateLimitTests
{
    private static readonly (string, string)[] Small =
    [
        ("RateLimits:User:Burst", "5"), ("RateLimits:User:PerSecond", "1"),
        ("RateLimits:Address:Burst", "3"), ("RateLimits:Address:PerSecond", "1"),
        ("RateLimits:SignIn:Burst", "2"), ("RateLimits:SignIn:PerSecond", "1"),
    ];

    [Fact]
    public async Task Each_user_has_a_limit_of_its_own_and_services_have_none()
    {
        await using var identity = await FakeIdentity.StartAsync();
        await using var service = await StartAsync(identity);
        string TokenOf(string role) => identity.Key.Sign($"{Guid.CreateVersion7()}", ("role", role));
        var (ann, bob, other) = (TokenOf("customer"), TokenOf("customer"), TokenOf("service"));

        await AssertAnsweredAsync(5, service, "/closed", ann, 20);
        await AssertAnsweredAsync(5, service, "/closed", bob, 5);
        await AssertAnsweredAsync(20, service, "/closed", other, 20);
        await AssertAnsweredAsync(20, service, "/health", null, 20);
        await AssertAnsweredAsync(3, service, "/open", null, 20);
    }

    [Fact]
    public async Task Guessing_at_passwords_is_limited_besides()
    {
        await using var identity = await FakeIdentity.StartAsync();
        await using var service = await StartAsync(identity);

        await AssertAnsweredAsync(2, service, "/guess", null, 20);
    }

    [Fact]
    public async Task The_refusal_is_a_problem_that_says_when_to_come_again()
    {
        await using var identity = await FakeIdentity.StartAsync();
        await using var service = await StartAsync(identity);

        using var refused = await RefusedAsync(service, "/open");

        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 5);
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("application/problem+json", refused.Content.Headers.ContentType!.MediaType);
        Assert.Equal("urn:shop:too-many-requests", problem.GetProperty("type").GetString());
        Assert.Equal(429, problem.GetProperty("status").GetInt32());
    }

    private static Task<TinyService> StartAsync(FakeIdentity identity) => TinyService.StartAsync(
        app =>
        {
            app.MapGet("/open", () => "").AllowAnonymous();
            app.MapGet("/closed", () => "");
            app.MapGet("/guess", () => "").AllowAnonymous().RequireRateLimiting(RateLimits.SignIn);
        },
        null,
        [identity.Endpoint, .. Small]);

    /// <summary>Of as many at once so many are answered, and what came into the bucket meanwhile.</summary>
    private static async Task AssertAnsweredAsync(
        int burst, TinyService service, string path, string? token, int requests)
    {
        var started = Stopwatch.GetTimestamp();
        var statuses = await Task.WhenAll(Enumerable.Range(0, requests).Select(async _ =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            if (token is not null) request.Headers.Authorization = new("Bearer", token);
            using var answer = await service.Client.SendAsync(request);
            return (int)answer.StatusCode;
        }));
        // One a second: none on a machine that is fast enough.
        var refilled = (int)Stopwatch.GetElapsedTime(started).TotalSeconds;
        Assert.All(statuses, status => Assert.True(status is 200 or 429, $"{status}"));
        Assert.InRange(statuses.Count(status => status == 200), burst, burst + refilled);
    }

    /// <summary>A refusal, however slowly the machine empties the bucket.</summary>
    private static async Task<HttpResponseMessage> RefusedAsync(TinyService service, string path)
    {
        for (var round = 0; round < 100; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => service.Client.GetAsync(path)));
            if (answers.FirstOrDefault(answer => (int)answer.StatusCode == 429) is { } refused) return refused;
        }

        throw new InvalidOperationException("Nothing was refused.");
    }
}

/// <summary>The whole shop with the limits that it has where nobody says otherwise.</summary>
public sealed class DefaultRateLimitTests(DefaultRateLimitTests.DefaultShop shop)
    : IClassFixture<DefaultRateLimitTests.DefaultShop>
{
    private const int Buyers = 16;
    private const int AtOnce = 64;
    private const int Rounds = 4;

    [Fact]
    public async Task The_defaults_do_not_hinder_64_requests_at_once_of_16_buyers()
    {
        var buyers = await Task.WhenAll(Enumerable.Range(0, Buyers).Select(_ => shop.NewBuyerAsync()));
        var product = await shop.PlentifulProductAsync(atLeast: Rounds * AtOnce);
        var clients = buyers.Select(buyer => buyer.Ordering).ToArray();

        for (var round = 0; round < Rounds; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(i => i % 2 == 0
                ? clients[i % Buyers].AskAsync("/orders/me")
                : buyers[i % Buyers].PlaceAsync(product)));
            Assert.All(answers, answer => Assert.True((int)answer.Status is 200 or 201, $"{answer}"));
        }
    }

    [Fact]
    public async Task The_defaults_stop_one_who_asks_without_end_and_a_refused_key_is_still_good()
    {
        var buyer = await shop.NewBuyerAsync();
        var other = await shop.NewBuyerAsync();
        var product = await shop.PlentifulProductAsync();
        var (orders, key) = (buyer.Ordering, NewKey());
        var body = new { lines = new[] { new { productId = product, quantity = 1 } } };

        Answer? refused = null;
        for (var round = 0; round < 100 && refused is null; round++)
        {
            var burst = Enumerable.Range(0, 1_000).Select(_ => orders.GetAsync("/orders/me")).ToArray();
            // In the middle of it, and none of the burst is waited for first.
            var answer = await orders.PostAsync("/orders", body, key);
            if ((int)answer.Status == 429) refused = answer;
            else key = NewKey();
            foreach (var one in await Task.WhenAll(burst)) one.Dispose();
        }

        Assert.Equal("too-many-requests", refused?.Problem);
        Assert.NotNull(refused!.Response.Headers.RetryAfter);
        Assert.Equal(200, (int)(await other.Ordering.AskAsync("/orders/me")).Status);

        var placed = await Eventually.GetAsync(
            () => orders.PostAsync("/orders", body, key), answer => (int)answer.Status != 429);
        Assert.Equal(201, (int)placed.Status);
        Assert.False(placed.Replayed);
    }

    public sealed class DefaultShop() : ShopApp(new ShopAppOptions
    {
        // Nothing of ShopApp's own about limits.
        Settings = new Dictionary<string, string>
        {
            ["RateLimits:User:PerSecond"] = $"{Defaults.User.PerSecond}",
            ["RateLimits:User:Burst"] = $"{Defaults.User.Burst}",
            ["RateLimits:Address:PerSecond"] = $"{Defaults.Address.PerSecond}",
            ["RateLimits:Address:Burst"] = $"{Defaults.Address.Burst}",
            ["RateLimits:SignIn:PerSecond"] = $"{Defaults.SignIn.PerSecond}",
            ["RateLimits:SignIn:Burst"] = $"{Defaults.SignIn.Burst}",
        },
    })
    {
        private static readonly RateLimitOptions Defaults = new();
    }
}
