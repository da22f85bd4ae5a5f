using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;
using Shop.Payments.Payments;
using Shop.Payments.Points;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Payments;

public sealed class TopUpTests : IClassFixture<PaymentsApp>
{
    private readonly PaymentsApp _app;
    private readonly Guid _user = Guid.CreateVersion7();
    private readonly Wallet _wallet;

    public TopUpTests(PaymentsApp app)
    {
        _app = app;
        _wallet = new(app, _user);
    }

    [Fact]
    public async Task A_charge_is_a_payment_without_an_order_that_turns_into_points()
    {
        var answer = await _wallet.ChargeAsync(5_000);

        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        Assert.Equal($$"""{"paymentId":"{{answer.PaymentId}}","status":"REQUESTED"}""", answer.Body);
        Assert.Equal((0, 0), await _wallet.PointsAsync());
        await _app.DeliverAsync();

        Assert.Equal(5_000, _app.Processor.CapturedUnder(answer.PaymentId));
        Assert.Equal((5_000, 0), await _wallet.PointsAsync());
        using var client = _app.ClientOf(_user);
        var payment = await client.GetFromJsonAsync<JsonElement>($"/payments/{answer.PaymentId}");
        Assert.False(payment.TryGetProperty("orderId", out _));
        Assert.Equal("COMPLETED", payment.GetProperty("status").GetString());
        var statement = await client.GetFromJsonAsync<JsonElement>("/points/entries");
        var entry = Assert.Single(statement.GetProperty("items").EnumerateArray());
        Assert.Equal(
            $$"""
            {"number":1,"kind":"CHARGED","amount":5000,"balance":5000,"paymentId":"{{answer.PaymentId}}",
            "createdAt":"{{entry.GetProperty("createdAt").GetString()}}"}
            """.ReplaceLineEndings(""),
            entry.GetRawText());
        Assert.Equal(["PaymentRequested.v1", "PaymentCompleted.v1"], await _app.EventsOfAsync(answer.PaymentId));
        Assert.Equal(["PointCharged.v1"], await _app.EventsOfAsync(_user));
        Assert.Equal("card-clearing 5000, customer-points -5000", await _app.ScalarAsync<string>(
            """
            select string_agg(split_part(e.account, ':', 1) || ' ' || e.amount, ', ' order by e.account)
              from ledger_entries e join ledger_transactions t on t.id = e.transaction_id
             where t.source_id = @PaymentId and t.kind = 'CAPTURE'
            """, new { answer.PaymentId }));
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task Fifty_at_once_with_one_key_are_one_capture_and_one_answer()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _wallet.ChargeAsync(700)));
        await _app.DeliverAsync();

        Assert.Single(answers.Select(answer => (answer.Status, answer.Body)).Distinct());
        Assert.Single(answers, answer => !answer.Replayed);
        Assert.Equal(1, _app.Processor.CallsFor(answers[0].PaymentId));
        Assert.Equal((700, 0), await _wallet.PointsAsync());
    }

    [Fact]
    public async Task Worker_webhook_and_sweep_at_once_fill_the_lot_once()
    {
        var id = (await _wallet.ChargeAsync(700)).PaymentId;
        var requested = new PaymentRequested(id, null, _user, _app.Clock.GetUtcNow());
        Assert.Equal(
            Verdict.Applied, await _app.HandleAsync(OnPaymentRequested.Handle, requested, afterCommit: false));

        var verdicts = await Task.WhenAll(
            SettlePayment.CapturedAsync(_app.Database, id, 700, "worker", default),
            SettlePayment.CapturedAsync(_app.Database, id, 700, "webhook", default),
            SettlePayment.CapturedAsync(_app.Database, id, 700, "sweep", default));

        Assert.Single(verdicts, verdict => verdict == PaymentVerdict.Applied);
        Assert.Equal(["CHARGED 700"], await _wallet.StatementAsync());
    }

    [Fact]
    public async Task The_same_key_with_another_amount_or_card_is_422()
    {
        await _wallet.ChargeAsync(700);

        Answer[] answers = [await _wallet.ChargeAsync(701), await _wallet.ChargeAsync(700, "tok_declined")];

        Assert.All(answers, answer => Assert.Equal((HttpStatusCode)422, answer.Status));
        Assert.Equal(1, await _app.ScalarAsync<int>(
            "select count(*) from payments where user_id = @_user", new { _user }));
    }

    [Fact]
    public async Task One_key_for_two_amounts_at_once_is_one_payment_and_a_422()
    {
        var answers = await Task.WhenAll(_wallet.ChargeAsync(700), _wallet.ChargeAsync(701));

        Assert.Equal([HttpStatusCode.Accepted, (HttpStatusCode)422], answers.Select(answer => answer.Status).Order());
        Assert.Equal(1, await _app.ScalarAsync<int>(
            "select count(*) from payments where user_id = @_user", new { _user }));
    }

    [Fact]
    public async Task A_declined_charge_gives_nothing()
    {
        var id = (await _wallet.ChargeAsync(700, "tok_declined")).PaymentId;
        await _app.DeliverAsync();

        Assert.Equal("FAILED", await _app.StatusAsync(id));
        Assert.Equal((0, 0), await _wallet.PointsAsync());
        Assert.Empty(await _wallet.StatementAsync());
        Assert.Empty(await _app.EventsOfAsync(_user));
    }

    [Fact]
    public async Task A_capture_that_comes_after_the_charge_had_failed_goes_back_to_the_card_and_gives_no_points()
    {
        var id = (await _wallet.ChargeAsync(700)).PaymentId;
        var requested = new PaymentRequested(id, null, _user, _app.Clock.GetUtcNow());
        await _app.HandleAsync(OnPaymentRequested.Handle, requested, afterCommit: false);
        await SettlePayment.FailedAsync(_app.Database, id, "processor-timeout", "sweep", default);
        _app.Processor.CaptureBehind(id, 700);

        Assert.Equal(
            PaymentVerdict.RefundOwed, await SettlePayment.CapturedAsync(_app.Database, id, 700, "webhook", default));
        await _app.DeliverAsync();

        Assert.Equal(700, _app.Processor.RefundedOf(id));
        Assert.Equal((0, 0), await _wallet.PointsAsync());
        Assert.Empty(await _wallet.StatementAsync());
    }

    [Theory]
    [InlineData(0, "tok_ok", "amount")]
    [InlineData(-1, "tok_ok", "amount")]
    [InlineData(100_000_001, "tok_ok", "amount")]
    [InlineData(1_000, null, "cardToken")]
    [InlineData(1_000, "4111111111111111", "cardToken")]
    public async Task A_charge_out_of_bounds_is_400_and_names_its_field(long amount, string? token, string field)
    {
        var answer = await _wallet.ChargeAsync(amount, token);

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.True(answer.Json.GetProperty("errors").TryGetProperty(field, out _), answer.Body);
        Assert.DoesNotContain("4111", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_key_it_is_400_and_without_a_token_401()
    {
        Assert.Equal("urn:shop:idempotency-key-missing", (await _wallet.ChargeAsync(700, key: null)).Type);
        using var nobody = _app.Client(null);
        foreach (var path in new[] { "/points", "/points/entries" })
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync(path)).StatusCode);
        }
    }

    [Fact]
    public async Task The_statement_is_listed_page_by_page_newest_first()
    {
        for (var amount = 1; amount <= 3; amount++) await _wallet.ChargedAsync(amount, $"charge-{amount}");
        using var client = _app.ClientOf(_user);

        var first = await client.GetFromJsonAsync<JsonElement>("/points/entries?limit=2");
        var cursor = first.GetProperty("nextCursor").GetString();
        var second = await client.GetFromJsonAsync<JsonElement>($"/points/entries?limit=2&cursor={cursor}");

        Assert.Equal([(3L, 6L), (2L, 3L), (1L, 1L)], Lines(first).Concat(Lines(second)));
        Assert.Equal(JsonValueKind.Null, second.GetProperty("nextCursor").ValueKind);
        foreach (var wrong in new[] { "cursor=x", "cursor=-1", "limit=0", "limit=101" })
        {
            Assert.Equal(HttpStatusCode.BadRequest, (await client.GetAsync($"/points/entries?{wrong}")).StatusCode);
        }

        static IEnumerable<(long Amount, long Balance)> Lines(JsonElement page) =>
            page.GetProperty("items").EnumerateArray().Select(entry => (
                entry.GetProperty("amount").GetInt64(), entry.GetProperty("balance").GetInt64()));
    }

    [Theory]
    [InlineData("update points_accounts set available = -1")]
    [InlineData("update points_lots set available = amount + 1")]
    [InlineData("update points_lots set expires_at = expires_at + interval '1 day'")]
    [InlineData("update points_holds set status = 'RELEASED' where status = 'CAPTURED'")]
    [InlineData("update points_hold_lots set returned = amount + 1")]
    [InlineData("update points_entries set amount = amount + 1")]
    [InlineData("delete from points_entries")]
    [InlineData("truncate points_entries")]
    [InlineData("delete from points_holds")]
    [InlineData("truncate points_accounts cascade")]
    public async Task The_database_itself_refuses_what_the_code_must_not_do(string sql)
    {
        await _wallet.ChargedAsync(700);
        var hold = Guid.CreateVersion7();
        await _app.Database.TransactAsync(tx => HoldPoints.RunAsync(tx, hold, _user, 500), default);
        await _app.Database.TransactAsync(tx => TakeBackPoints.CaptureAsync(tx, hold), default);

        var refused = await Assert.ThrowsAsync<PostgresException>(() => _app.ExecuteAsync(sql));

        Assert.Contains(
            refused.SqlState, new[] { PostgresErrorCodes.CheckViolation, PostgresErrorCodes.RestrictViolation });
    }
}
