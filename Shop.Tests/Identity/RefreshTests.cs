namespace Shop.Tests.Identity;

public sealed class RefreshTests(IdentityService identity) : IClassFixture<IdentityService>
{
    [Fact]
    public async Task A_token_is_good_once_and_the_next_one_goes_on()
    {
        var (id, email) = await identity.RegisterAsync();
        var first = await identity.SignInAsync(email);

        var second = await RefreshedAsync(first.Refresh);
        var third = await RefreshedAsync(second.Refresh);

        Assert.Equal(3, new[] { first.Refresh, second.Refresh, third.Refresh }.Distinct().Count());
        Assert.Equal(id.ToString(), third.Jwt.Subject);
        Assert.Equal(200, await identity.StatusOfMeAsync(third.Access));
    }

    [Fact]
    public async Task A_used_token_revokes_its_family_and_no_other()
    {
        var (_, email) = await identity.RegisterAsync();
        var first = await identity.SignInAsync(email);
        var other = await identity.SignInAsync(email);
        var second = await RefreshedAsync(first.Refresh);

        await RefusedAsync(first.Refresh);

        await RefusedAsync(second.Refresh);
        await RefreshedAsync(other.Refresh);
    }

    [Fact]
    public async Task Of_many_refreshes_with_one_token_at_most_one_wins_and_the_family_ends()
    {
        var (_, email) = await identity.RegisterAsync();
        var first = await identity.SignInAsync(email);

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => RefreshAsync(first.Refresh)));

        var won = Assert.Single(answers, answer => (int)answer.StatusCode == 200);
        await RefusedAsync(IdentityService.Tokens.Of(await IdentityService.JsonAsync(won, 200)).Refresh);
    }

    [Fact]
    public async Task An_unknown_token_and_an_old_one_are_refused()
    {
        var (_, email) = await identity.RegisterAsync();
        var tokens = await identity.SignInAsync(email);

        await RefusedAsync("made-up");
        using var later = identity.Clock.Advance(TimeSpan.FromDays(15));

        await RefusedAsync(tokens.Refresh);
    }

    [Fact]
    public async Task Logout_ends_the_session_of_its_token()
    {
        var (_, email) = await identity.RegisterAsync();
        var left = await identity.SignInAsync(email);
        var kept = await identity.SignInAsync(email);

        var answer = await identity.PostAsync("/auth/logout", new { refreshToken = left.Refresh });

        Assert.Equal(204, (int)answer.StatusCode);
        await RefusedAsync(left.Refresh);
        await RefreshedAsync(kept.Refresh);
    }

    [Fact]
    public async Task Logout_without_one_ends_all_sessions_of_the_user_alone()
    {
        var (_, email) = await identity.RegisterAsync();
        var (_, stranger) = await identity.RegisterAsync();
        var (one, two) = (await identity.SignInAsync(email), await identity.SignInAsync(email));
        var foreign = await identity.SignInAsync(stranger);

        var answer = await identity.PostAsync("/auth/logout", null, two.Access);
        var anonymous = await identity.PostAsync("/auth/logout", null);

        Assert.Equal(204, (int)answer.StatusCode);
        Assert.Equal("urn:shop:not-signed-in", await IdentityService.ProblemAsync(anonymous, 401));
        await RefusedAsync(one.Refresh);
        await RefusedAsync(two.Refresh);
        await RefreshedAsync(foreign.Refresh);
    }

    [Fact]
    public async Task The_database_holds_no_token()
    {
        var (_, email) = await identity.RegisterAsync();
        var tokens = await identity.SignInAsync(email);

        var rows = await identity.QueryAsync<string>(
            "select t::text || encode(token_hash, 'escape') from refresh_tokens t");

        Assert.NotEmpty(rows);
        Assert.DoesNotContain(rows, row => row.Contains(tokens.Refresh));
    }

    private Task<HttpResponseMessage> RefreshAsync(string token) =>
        identity.PostAsync("/auth/refresh", new { refreshToken = token });

    private async Task<IdentityService.Tokens> RefreshedAsync(string token) =>
        IdentityService.Tokens.Of(await IdentityService.JsonAsync(await RefreshAsync(token), 200));

    private async Task RefusedAsync(string token) => Assert.Equal(
        "urn:shop:invalid-refresh-token", await IdentityService.ProblemAsync(await RefreshAsync(token), 401));
}
