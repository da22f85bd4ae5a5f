using System.Net.Http.Json;
using Microsoft.AspNetCore.Builder;

namespace Shop.Tests.PaymentSandbox;

public sealed class ChargeTests(SandboxService sandbox) : IClassFixture<SandboxService>
{
    [Theory]
    [InlineData("tok_ok", "200 CAPTURED 1000 KRW")]
    [InlineData("tok_slow", "200 CAPTURED 1000 KRW")]
    [InlineData("tok_webhook_late", "200 CAPTURED 1000 KRW")]
    [InlineData("tok_webhook_thrice", "200 CAPTURED 1000 KRW")]
    [InlineData("tok_declined", "200 DECLINED card-declined 1000 KRW")]
    [InlineData("tok_insufficient_funds", "200 DECLINED insufficient-funds 1000 KRW")]
    [InlineData("tok_nobody_knows", "200 DECLINED unknown-token 1000 KRW")]
    public async Task The_token_decides_once(string token, string expected)
    {
        var key = SandboxService.NewKey();

        var first = await sandbox.ChargeAsync(key, token);
        var second = await sandbox.ChargeAsync(key, token);
        var asked = await sandbox.GetAsync($"/v1/charges/{key}");

        Assert.Equal(expected, first.Text);
        Assert.Equal(first.Json.ToString(), second.Json.ToString());
        Assert.Equal(first.Json.ToString(), asked.Json.ToString());
        Assert.Equal(expected.Contains("CAPTURED") ? 1 : 0, await sandbox.CapturesAsync(key));
    }

    [Theory]
    [InlineData("tok_ok", "200 CAPTURED 1000 KRW", 1)]
    [InlineData("tok_slow", "200 CAPTURED 1000 KRW", 1)]
    [InlineData("tok_declined", "200 DECLINED card-declined 1000 KRW", 0)]
    public async Task One_key_many_times_at_once_is_one_charge(string token, string expected, int captures)
    {
        var key = SandboxService.NewKey();

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => sandbox.ChargeAsync(key, token)));

        Assert.Equal([expected], answers.Select(answer => answer.Text).Distinct());
        Assert.Single(answers.Select(answer => answer.Json.ToString()).Distinct());
        Assert.Equal(captures, await sandbox.CapturesAsync(key));
    }

    [Fact]
    public async Task A_void_races_a_capture_and_exactly_one_wins()
    {
        string[] possible = ["200 CAPTURED 1000 KRW | 200 ALREADY_CAPTURED", "409 key-voided | 200 VOIDED"];
        for (var round = 0; round < 40; round++)
        {
            var key = SandboxService.NewKey();
            var charge = sandbox.ChargeAsync(key);
            var voided = sandbox.VoidAsync(key);
            var outcome = $"{(await charge).Text} | {(await voided).Text}";

            Assert.Contains(outcome, possible);
            Assert.Equal(outcome.Contains("ALREADY") ? 1 : 0, await sandbox.CapturesAsync(key));
        }
    }

    [Fact]
    public async Task A_slow_charge_is_pending_until_it_is_voided()
    {
        var (key, clock) = (SandboxService.NewKey(), new HoldingClock());
        await using var app = await StartAsync(clock);
        using var http = SandboxService.Client(app);
        var charge = sandbox.ChargeAsync(key, "tok_slow", at: http);
        await PendingAsync(key, http, clock);

        Assert.Equal("200 VOIDED", (await sandbox.VoidAsync(key, http)).Text);
        clock.LetGo();
        Assert.Equal("409 key-voided", (await charge).Text);
        Assert.Equal("409 key-voided", (await sandbox.ChargeAsync(key, "tok_slow")).Text);
        Assert.Equal(0, await sandbox.CapturesAsync(key));
    }

    [Fact]
    public async Task A_slow_charge_whose_caller_has_gone_is_captured()
    {
        var (key, clock) = (SandboxService.NewKey(), new HoldingClock());
        await using var app = await StartAsync(clock);
        using var http = SandboxService.Client(app);
        using var gone = new CancellationTokenSource();
        var charge = sandbox.ChargeAsync(key, "tok_slow", at: http, ct: gone.Token);
        await PendingAsync(key, http, clock);

        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => charge);
        clock.LetGo();

        await Fixtures.Eventually.HoldsAsync(async () => await sandbox.CapturesAsync(key) == 1);
        Assert.Equal("200 CAPTURED 1000 KRW", (await sandbox.GetAsync($"/v1/charges/{key}")).Text);
    }

    [Fact]
    public async Task A_voided_key_that_nobody_charged_is_refused_for_ever()
    {
        var key = SandboxService.NewKey();

        Assert.Equal("404 not-found", (await sandbox.GetAsync($"/v1/charges/{key}")).Text);
        Assert.Equal("200 VOIDED", (await sandbox.VoidAsync(key)).Text);
        Assert.Equal("200 VOIDED", (await sandbox.VoidAsync(key)).Text);
        Assert.Equal("409 key-voided", (await sandbox.ChargeAsync(key)).Text);
        Assert.Equal("409 key-voided", (await sandbox.ChargeAsync(key, "tok_timeout_lost")).Text);
        Assert.Equal("VOIDED", (await sandbox.GetAsync($"/v1/charges/{key}")).Json.GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_declined_charge_counts_as_voided_and_stays_declined()
    {
        var key = SandboxService.NewKey();
        await sandbox.ChargeAsync(key, "tok_declined");

        Assert.Equal("200 VOIDED", (await sandbox.VoidAsync(key)).Text);
        Assert.Equal("200 DECLINED card-declined 1000 KRW", (await sandbox.ChargeAsync(key, "tok_declined")).Text);
    }

    [Theory]
    [InlineData("tok_ok", 1_001, "KRW")]
    [InlineData("tok_ok", 1_000, "USD")]
    [InlineData("tok_declined", 1_000, "KRW")]
    public async Task A_key_stands_for_one_request(string token, long amount, string currency)
    {
        var key = SandboxService.NewKey();
        await sandbox.ChargeAsync(key);

        Assert.Equal("409 key-reused", (await sandbox.ChargeAsync(key, token, amount, currency)).Text);
        Assert.Equal(1, await sandbox.CapturesAsync(key));
    }

    [Theory]
    [InlineData("", "tok_ok", 1_000, "KRW", "key")]
    [InlineData("a b", "tok_ok", 1_000, "KRW", "key")]
    [InlineData("null\0", "tok_ok", 1_000, "KRW", "key")]
    [InlineData("k", "", 1_000, "KRW", "cardToken")]
    [InlineData("k", "tök", 1_000, "KRW", "cardToken")]
    [InlineData("k", "tok_ok", 0, "KRW", "amount")]
    [InlineData("k", "tok_ok", -5, "KRW", "amount")]
    [InlineData("k", "tok_ok", 1_000_000_000_001, "KRW", "amount")]
    [InlineData("k", "tok_ok", 1_000, "won", "currency")]
    public async Task What_is_wrong_is_named(string key, string token, long amount, string currency, string field)
    {
        var answer = await sandbox.ChargeAsync(key, token, amount, currency);

        Assert.Equal("400 invalid-request", answer.Text);
        Assert.Equal([field], answer.Json.GetProperty("errors").EnumerateObject().Select(error => error.Name));
    }

    [Theory]
    [InlineData("4242424242424242")]
    [InlineData("4242 4242 4242 4242")]
    [InlineData("tok_4242-4242-4242-4242")]
    [InlineData("378282246310005")]
    [InlineData("99995105105105105100")] // One inside of a longer row of digits.
    public async Task A_card_number_is_refused_and_nowhere_kept(string number)
    {
        var key = SandboxService.NewKey();

        Assert.Equal("400 card-number-refused", (await sandbox.ChargeAsync(key, number)).Text);
        Assert.Equal("404 not-found", (await sandbox.GetAsync($"/v1/charges/{key}")).Text);
        Assert.DoesNotContain(sandbox.Log, line => line.Contains(number));
    }

    [Fact]
    public async Task A_card_number_is_no_key()
    {
        Assert.Equal("400 card-number-refused", (await sandbox.ChargeAsync("4242424242424242")).Text);
        Assert.Equal("400 card-number-refused", (await sandbox.VoidAsync("4242-4242-4242-4242")).Text);
    }

    [Theory]
    [InlineData("GET", "/v1/charges")]
    [InlineData("GET", "/v1/charges/k")]
    [InlineData("POST", "/v1/charges")]
    [InlineData("POST", "/v1/charges/k/void")]
    [InlineData("POST", "/v1/charges/k/refunds")]
    [InlineData("GET", "/v1/refunds")]
    [InlineData("GET", "/v1/refunds/k")]
    public async Task Nothing_is_told_without_the_api_key(string method, string path)
    {
        foreach (var apiKey in new[] { null, "another-api-key" })
        {
            using var http = new HttpClient { BaseAddress = sandbox.Http.BaseAddress };
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            if (method == "POST")
            {
                request.Content = JsonContent.Create(
                    new { key = "k", amount = 1, currency = "KRW", cardToken = "tok_ok" });
            }

            if (apiKey is not null) request.Headers.Add("X-Api-Key", apiKey);
            var answer = await SandboxService.Answer.OfAsync(await http.SendAsync(request));
            Assert.Equal("401 invalid-api-key", answer.Text);
        }
    }

    [Fact]
    public async Task The_books_are_read_page_by_page()
    {
        var keys = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            keys.Add(SandboxService.NewKey());
            await sandbox.ChargeAsync(keys[i]);
        }

        var read = new List<string>();
        for (string? after = ""; after is not null;)
        {
            var page = (await sandbox.GetAsync($"/v1/charges?limit=2&after={after}")).Json;
            Assert.InRange(page.GetProperty("items").GetArrayLength(), 0, 2);
            read.AddRange(
                page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("key").GetString()!));
            after = page.TryGetProperty("nextCursor", out var next) ? next.GetString() : null;
        }

        Assert.Equal(read.Count, read.Distinct().Count());
        Assert.Superset(keys.ToHashSet(), read.ToHashSet());
        Assert.Equal("400 invalid-request", (await sandbox.GetAsync("/v1/charges?limit=0")).Text);
    }

    /// <summary>A replica whose slow charges take until its clock lets them go.</summary>
    private async Task<WebApplication> StartAsync(HoldingClock clock)
    {
        var app = sandbox.Build(clock, "--Sandbox:SlowSeconds=600");
        await app.StartAsync();
        return app;
    }

    /// <summary>The charge is stored, and its request waits for its time.</summary>
    private async Task PendingAsync(string key, HttpClient at, HoldingClock clock)
    {
        await Fixtures.Eventually.GetAsync(
            () => sandbox.GetAsync($"/v1/charges/{key}", at), answer => answer.Text == "200 PENDING 1000 KRW");
        await Fixtures.Eventually.HoldsAsync(() => Task.FromResult(clock.IsHolding));
    }
}
