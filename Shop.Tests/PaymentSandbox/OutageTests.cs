namespace Shop.Tests.PaymentSandbox;

public sealed class OutageTests(SandboxService sandbox) : IClassFixture<SandboxService>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_flaky_charge_fails_twice_and_leaves_nothing_before_it_is_captured()
    {
        var key = SandboxService.NewKey();

        Assert.Equal(500, (await sandbox.ChargeAsync(key, "tok_flaky_2")).Status);
        Assert.Equal(500, (await sandbox.ChargeAsync(key, "tok_flaky_2")).Status);
        Assert.Equal("404 not-found", (await sandbox.GetAsync($"/v1/charges/{key}")).Text);
        Assert.Equal("200 CAPTURED 1000 KRW", (await sandbox.ChargeAsync(key, "tok_flaky_2")).Text);
        Assert.Equal("200 CAPTURED 1000 KRW", (await sandbox.ChargeAsync(key, "tok_flaky_2")).Text);
        Assert.Equal(1, await sandbox.CapturesAsync(key));
    }

    [Fact]
    public async Task Many_tries_at_once_of_a_flaky_charge_fail_twice_in_all()
    {
        var key = SandboxService.NewKey();

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => sandbox.ChargeAsync(key, "tok_flaky_2")));

        Assert.Equal(2, answers.Count(answer => answer.Status == 500));
        Assert.Equal(10, answers.Count(answer => answer.Text == "200 CAPTURED 1000 KRW"));
        Assert.Equal(1, await sandbox.CapturesAsync(key));
    }

    [Fact]
    public async Task A_captured_timeout_is_found_by_asking()
    {
        var key = SandboxService.NewKey();

        // Not before it is captured: a caller that goes away earlier may take its charge with it.
        using var gone = new CancellationTokenSource();
        var held = sandbox.ChargeAsync(key, "tok_timeout_captured", ct: gone.Token);
        await Fixtures.Eventually.GetAsync(
            () => sandbox.GetAsync($"/v1/charges/{key}"), answer => answer.Text == "200 CAPTURED 1000 KRW");
        Assert.False(held.IsCompleted);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => held);
        await NoAnswerAsync(key, "tok_timeout_captured");

        Assert.Equal("200 ALREADY_CAPTURED", (await sandbox.VoidAsync(key)).Text);
        Assert.Equal(1, await sandbox.CapturesAsync(key));
    }

    [Fact]
    public async Task A_lost_timeout_leaves_nothing_and_can_be_voided()
    {
        var key = SandboxService.NewKey();

        await NoAnswerAsync(key, "tok_timeout_lost");

        Assert.Equal("404 not-found", (await sandbox.GetAsync($"/v1/charges/{key}")).Text);
        Assert.Equal("200 VOIDED", (await sandbox.VoidAsync(key)).Text);
        Assert.Equal("409 key-voided", (await sandbox.ChargeAsync(key, "tok_timeout_lost")).Text);
        Assert.Equal(0, await sandbox.CapturesAsync(key));
    }

    [Fact]
    public async Task A_process_that_stops_lets_go_of_those_it_holds()
    {
        await using var other = sandbox.Build();
        await other.StartAsync();
        using var http = SandboxService.Client(other);
        var key = SandboxService.NewKey();
        var held = System.Net.Http.Json.HttpClientJsonExtensions.PostAsJsonAsync(
            http, "/v1/charges", new { key, amount = 1_000, currency = "KRW", cardToken = "tok_timeout_captured" });
        await Fixtures.Eventually.HoldsAsync(async () => await sandbox.CapturesAsync(key) == 1);
        Assert.False(held.IsCompleted);

        await other.StopAsync();

        Assert.Equal("200 CAPTURED 1000 KRW", (await SandboxService.Answer.OfAsync(await held)).Text);
    }

    private async Task NoAnswerAsync(string key, string token)
    {
        using var patience = new CancellationTokenSource(Patience);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => sandbox.ChargeAsync(key, token, ct: patience.Token));
    }
}
