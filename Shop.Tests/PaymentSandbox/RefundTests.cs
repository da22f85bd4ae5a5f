using Npgsql;

namespace Shop.Tests.PaymentSandbox;

public sealed class RefundTests(SandboxService sandbox) : IClassFixture<SandboxService>
{
    [Fact]
    public async Task A_refund_is_made_once_by_its_key()
    {
        var (charge, key) = (await ChargedAsync(), SandboxService.NewKey());

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => sandbox.RefundAsync(charge, key, 300)));

        Assert.Equal(["200 REFUNDED 300"], answers.Select(answer => answer.Text).Distinct());
        Assert.Single(answers.Select(answer => answer.Json.ToString()).Distinct());
        Assert.Equal(answers[0].Json.ToString(), (await sandbox.GetAsync($"/v1/refunds/{key}")).Json.ToString());
        Assert.Equal(300, (await sandbox.GetAsync($"/v1/charges/{charge}")).Json.GetProperty("refunded").GetInt64());
    }

    [Fact]
    public async Task Refunds_at_once_never_give_back_more_than_was_captured()
    {
        var charge = await ChargedAsync();

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => sandbox.RefundAsync(charge, SandboxService.NewKey(), 300)));

        Assert.Equal(3, answers.Count(answer => answer.Text == "200 REFUNDED 300"));
        Assert.Equal(17, answers.Count(answer => answer.Text == "200 REFUSED amount-exceeds-capture 300"));
        Assert.Equal(900, (await sandbox.GetAsync($"/v1/charges/{charge}")).Json.GetProperty("refunded").GetInt64());
        Assert.Equal("200 REFUNDED 100", (await sandbox.RefundAsync(charge, SandboxService.NewKey(), 100)).Text);
    }

    [Fact]
    public async Task A_key_stands_for_one_refund()
    {
        var (one, two, key) = (await ChargedAsync(), await ChargedAsync(), SandboxService.NewKey());
        await sandbox.RefundAsync(one, key, 300);

        Assert.Equal("409 key-reused", (await sandbox.RefundAsync(one, key, 301)).Text);
        Assert.Equal("409 key-reused", (await sandbox.RefundAsync(two, key, 300)).Text);
        Assert.Equal(0, (await sandbox.GetAsync($"/v1/charges/{two}")).Json.GetProperty("refunded").GetInt64());
    }

    [Fact]
    public async Task One_key_for_two_charges_at_once_is_one_refund()
    {
        var (one, two, key) = (await ChargedAsync(), await ChargedAsync(), SandboxService.NewKey());

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 10).Select(i => sandbox.RefundAsync(i % 2 == 0 ? one : two, key, 300)));

        Assert.Equal(5, answers.Count(answer => answer.Text == "200 REFUNDED 300"));
        Assert.Equal(5, answers.Count(answer => answer.Text == "409 key-reused"));
        Assert.Equal(300, await sandbox.ScalarAsync<long>(
            "select sum(refunded_minor)::bigint from charges where key in (@one, @two)", new { one, two }));
    }

    [Fact]
    public async Task Refusals_and_failures_come_on_demand()
    {
        var (refused, flaky, key) = (SandboxService.NewKey(), SandboxService.NewKey(), SandboxService.NewKey());
        await sandbox.ChargeAsync(refused, "tok_refund_refused");
        await sandbox.ChargeAsync(flaky, "tok_refund_flaky_2");

        Assert.Equal(
            "200 REFUSED refund-refused 10", (await sandbox.RefundAsync(refused, SandboxService.NewKey(), 10)).Text);
        Assert.Equal(500, (await sandbox.RefundAsync(flaky, key, 10)).Status);
        Assert.Equal(500, (await sandbox.RefundAsync(flaky, key, 10)).Status);
        Assert.Equal("404 not-found", (await sandbox.GetAsync($"/v1/refunds/{key}")).Text);
        Assert.Equal("200 REFUNDED 10", (await sandbox.RefundAsync(flaky, key, 10)).Text);
    }

    [Fact]
    public async Task Only_a_capture_can_be_given_back()
    {
        var (declined, voided) = (SandboxService.NewKey(), SandboxService.NewKey());
        await sandbox.ChargeAsync(declined, "tok_declined");
        await sandbox.VoidAsync(voided);

        Assert.Equal("409 charge-not-captured", (await sandbox.RefundAsync(declined, "r", 10)).Text);
        Assert.Equal("409 charge-not-captured", (await sandbox.RefundAsync(voided, "r", 10)).Text);
        Assert.Equal("404 not-found", (await sandbox.RefundAsync(SandboxService.NewKey(), "r", 10)).Text);
        Assert.Equal("400 invalid-request", (await sandbox.RefundAsync(voided, "r", 0)).Text);
    }

    [Theory]
    [InlineData("update captures set amount_minor = 1")]
    [InlineData("delete from captures")]
    [InlineData("truncate captures")]
    [InlineData("update refunds set amount_minor = 1")]
    [InlineData("delete from refunds")]
    [InlineData("truncate refunds")]
    [InlineData("update charges set refunded_minor = captured_minor + 1 where status = 'CAPTURED'")]
    [InlineData("update charges set captured_minor = 5 where status = 'CAPTURED'")]
    public async Task The_database_itself_refuses_to_rewrite_the_books(string sql)
    {
        await sandbox.RefundAsync(await ChargedAsync(), SandboxService.NewKey(), 10);

        var refusal = await Assert.ThrowsAsync<PostgresException>(() => sandbox.ScalarAsync<object>(sql));

        Assert.StartsWith("23", refusal.SqlState, StringComparison.Ordinal); // Integrity constraint violation.
    }

    [Fact]
    public async Task The_books_of_refunds_are_read_page_by_page()
    {
        var (charge, keys) = (await ChargedAsync(), new HashSet<string>());
        for (var i = 0; i < 3; i++)
        {
            var key = SandboxService.NewKey();
            keys.Add(key);
            await sandbox.RefundAsync(charge, key, 10);
        }

        var read = new List<string>();
        for (string? after = ""; after is not null;)
        {
            var page = (await sandbox.GetAsync($"/v1/refunds?limit=2&after={after}")).Json;
            read.AddRange(
                page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("key").GetString()!));
            after = page.TryGetProperty("nextCursor", out var next) ? next.GetString() : null;
        }

        Assert.Equal(read.Count, read.Distinct().Count());
        Assert.Superset(keys, read.ToHashSet());
    }

    private async Task<string> ChargedAsync()
    {
        var key = SandboxService.NewKey();
        Assert.Equal("200 CAPTURED 1000 KRW", (await sandbox.ChargeAsync(key)).Text);
        return key;
    }
}
