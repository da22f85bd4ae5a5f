using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Shop.Tests.Identity;

public sealed class LoginTests(IdentityService identity) : IClassFixture<IdentityService>
{
    [Fact]
    public async Task The_token_is_verified_with_the_published_keys_and_says_who_it_is()
    {
        var (id, email) = await identity.RegisterAsync();
        var before = identity.Clock.GetUtcNow().ToUnixTimeSeconds();
        var answer = await IdentityService.JsonAsync(await identity.LoginAsync(email), 200);

        var token = answer.GetProperty("accessToken").GetString()!;
        var keys = new JsonWebKeySet(await identity.Http.GetStringAsync("/.well-known/jwks.json"));
        var validated = new JsonWebTokenHandler().ValidateToken(token, new TokenValidationParameters
        {
            ValidIssuer = "http://identity",
            ValidAudience = "shop",
            IssuerSigningKeys = keys.Keys,
            ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
            ValidateLifetime = false,
        });

        Assert.True(validated.IsValid, validated.Exception?.Message);
        var jwt = new JsonWebToken(token);
        Assert.Equal(id.ToString(), jwt.Subject);
        Assert.Equal("customer", jwt.GetClaim("role").Value);
        Assert.Equal(600, long.Parse(jwt.GetClaim("exp").Value) - long.Parse(jwt.GetClaim("iat").Value));
        Assert.InRange(long.Parse(jwt.GetClaim("iat").Value), before, before + 60);
        Assert.DoesNotContain(jwt.Claims, claim => claim.Value.Contains('@'));
        Assert.Equal("Bearer", answer.GetProperty("tokenType").GetString());
        Assert.Equal(600, answer.GetProperty("expiresIn").GetInt32());
        Assert.Equal(200, await identity.StatusOfMeAsync(token));
    }

    [Fact]
    public async Task Lockout_cannot_tell_which_addresses_exist_and_ends()
    {
        var (_, email) = await identity.RegisterAsync();

        var known = await GuessAsync(email);
        var unknown = await GuessAsync($"{Guid.CreateVersion7():n}@example.com");

        string[] expected =
            [.. Enumerable.Repeat("401 urn:shop:invalid-credentials -", 5), "429 urn:shop:login-locked 300"];
        Assert.Equal(expected, known);
        Assert.Equal(expected, unknown);
        Assert.Equal(429, (int)(await identity.LoginAsync(email)).StatusCode);

        using var later = identity.Clock.Advance(TimeSpan.FromSeconds(301));
        await identity.SignInAsync(email);
        Assert.Equal(401, (int)(await identity.LoginAsync(email, "wrong again")).StatusCode);
        await identity.SignInAsync(email);
    }

    [Fact]
    public async Task Many_guesses_at_once_are_no_more_than_many_in_a_row()
    {
        var (_, email) = await identity.RegisterAsync();

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 30).Select(i => identity.LoginAsync(email, $"guess number {i}")));

        Assert.Equal(5, answers.Count(answer => (int)answer.StatusCode == 401));
        Assert.Equal(25, answers.Count(answer => (int)answer.StatusCode == 429));
    }

    [Fact]
    public async Task A_user_who_logs_in_many_times_at_once_is_not_locked_out()
    {
        var (_, email) = await identity.RegisterAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => identity.LoginAsync(email)));

        Assert.All(answers, answer => Assert.Equal(200, (int)answer.StatusCode));
    }

    [Fact]
    public async Task A_hash_of_fewer_rounds_is_renewed_at_the_next_login()
    {
        var (id, email) = await identity.RegisterAsync();
        var old = await HashAsync(id);
        await using var stricter = identity.Build("--Identity:PasswordIterations=2000");
        await stricter.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(stricter.Urls.First()) };

        using var body = System.Net.Http.Json.JsonContent.Create(new { email, password = IdentityService.Password });
        await IdentityService.JsonAsync(await http.PostAsync("/auth/login", body), 200);

        Assert.NotEqual(old, await HashAsync(id));
        await identity.SignInAsync(email);
    }

    private async Task<string> HashAsync(Guid id) => Assert.Single(
        await identity.QueryAsync<string>("select password_hash from users where id = @id", new { id }));

    // What is left of a lock is told in seconds, which pass on a slow machine too.
    private async Task<List<string>> GuessAsync(string email)
    {
        using var still = identity.Clock.StandStill();
        var answers = new List<string>();
        for (var guess = 0; guess < 6; guess++)
        {
            var answer = await identity.LoginAsync(email, "a wrong password");
            var wait = answer.Headers.RetryAfter?.Delta?.TotalSeconds.ToString() ?? "-";
            var status = (int)answer.StatusCode;
            answers.Add($"{status} {await IdentityService.ProblemAsync(answer, status)} {wait}");
        }

        return answers;
    }
}
