using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Payments.Payments;

namespace Shop.Tests.Payments;

public sealed class PayOrderTests(PaymentsApp app) : IClassFixture<PaymentsApp>
{
    private readonly Purchase _purchase = new(app);

    [Fact]
    public async Task A_card_payment_is_stored_charged_once_and_completed()
    {
        var answer = await _purchase.PayAsync();

        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        Assert.Equal("REQUESTED", answer.Json.GetProperty("status").GetString());
        await app.DeliverAsync();

        var id = answer.PaymentId;
        Assert.Equal(1_000, app.Processor.CapturedUnder(id));
        Assert.Equal(1, app.Processor.CallsFor(id));
        Assert.Equal(["PaymentRequested.v1", "PaymentCompleted.v1"], await app.EventsOfAsync(id));
        var shown = await _purchase.ShownAsync(id);
        var created = shown.GetProperty("createdAt").GetString();
        Assert.Equal(
            $$"""
            {"id":"{{id}}","orderId":"{{_purchase.Order.OrderId}}","status":"COMPLETED","method":"CARD","amount":1000,
            "card":1000,"points":0,"refunded":0,"currency":"KRW","createdAt":"{{created}}"}
            """.ReplaceLineEndings(""),
            shown.GetRawText());
        Assert.Equal(
            "REQUESTED,PROCESSING,COMPLETED",
            await app.ScalarAsync<string>(
                "select string_agg(to_status, ',' order by version) from payment_transitions where payment_id = @id",
                new { id }));
    }

    [Fact]
    public async Task A_declined_payment_fails_and_the_order_may_be_paid_again()
    {
        var declined = await _purchase.PaidAsync("tok_declined");
        var shown = await _purchase.ShownAsync(declined);
        Assert.Equal("FAILED", shown.GetProperty("status").GetString());
        Assert.Equal("card-declined", shown.GetProperty("failure").GetString());
        Assert.Equal(["PaymentRequested.v1", "PaymentFailed.v1"], await app.EventsOfAsync(declined));

        var paid = await _purchase.PaidAsync("tok_ok", "key-2");
        Assert.Equal("COMPLETED", await app.StatusAsync(paid));
    }

    [Fact]
    public async Task A_charge_that_the_processor_refuses_to_read_fails_at_once()
    {
        var id = await _purchase.PaidAsync("tok_refused");

        Assert.Equal("refused", (await _purchase.ShownAsync(id)).GetProperty("failure").GetString());
        Assert.Equal(["PaymentRequested.v1", "PaymentFailed.v1"], await app.EventsOfAsync(id));
        Assert.Equal(1, app.Processor.CallsFor(id));
    }

    [Fact]
    public async Task A_processor_that_fails_twice_is_tried_again_at_once()
    {
        var id = await _purchase.PaidAsync("tok_flaky_2");

        Assert.Equal("COMPLETED", await app.StatusAsync(id));
        Assert.Equal(3, app.Processor.CallsFor(id));
    }

    [Fact]
    public async Task A_replay_gets_the_stored_answer_to_the_byte_and_Ordering_is_not_asked()
    {
        var first = await _purchase.PayAsync();
        await app.DeliverAsync();
        var asked = app.Ordering.Asked;

        var second = await _purchase.PayAsync();

        Assert.Equal(first with { Replayed = true }, second);
        Assert.Equal(asked, app.Ordering.Asked);
        Assert.Equal(1, app.Processor.CallsFor(first.PaymentId));
    }

    [Fact]
    public async Task The_same_key_with_another_card_or_order_is_422()
    {
        await _purchase.PayAsync();
        var other = app.Ordering.Place(_purchase.User);

        Answer[] answers =
        [
            await _purchase.PayAsync("tok_declined"),
            await _purchase.PayAsync(orderId: other.OrderId),
        ];

        Assert.All(answers, answer => Assert.Equal((HttpStatusCode)422, answer.Status));
        Assert.All(answers, answer => Assert.Equal("urn:shop:idempotency-key-reused", answer.Type));
        Assert.Equal(1, await PaymentsOfAsync(_purchase.User));
    }

    [Fact]
    public async Task Fifty_at_once_with_one_key_are_one_payment_and_one_answer()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _purchase.PayAsync()));
        await app.DeliverAsync();

        Assert.Single(answers.Select(answer => (answer.Status, answer.Body)).Distinct());
        Assert.Equal(HttpStatusCode.Accepted, answers[0].Status);
        Assert.Single(answers, answer => !answer.Replayed);
        Assert.Equal(1, await PaymentsOfAsync(_purchase.User));
        Assert.Equal(1, app.Processor.CallsFor(answers[0].PaymentId));
    }

    [Fact]
    public async Task Fifty_keys_for_one_order_are_one_live_payment_and_the_rest_is_known_to_have_failed()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(n => _purchase.PayAsync(key: $"key-{n}")));
        await app.DeliverAsync();

        var winner = Assert.Single(answers, answer => answer.Status == HttpStatusCode.Accepted);
        Assert.All(
            answers.Where(answer => answer != winner),
            answer => Assert.Equal("urn:shop:payment-in-flight", answer.Type));
        Assert.Equal("COMPLETED", await app.StatusAsync(winner.PaymentId));
        Assert.Equal(49, await app.ScalarAsync<int>(
            "select count(*) from payments where user_id = @User and status = 'FAILED'", new { _purchase.User }));
        Assert.Equal(49, await app.ScalarAsync<int>(
            """
            select count(*) from outbox o join payments p on p.id = o.key
             where p.user_id = @User and o.type = 'PaymentFailed.v1'
            """, new { _purchase.User }));
    }

    [Fact]
    public async Task One_key_for_two_orders_at_once_pays_one_and_the_other_order_hears_that_it_failed()
    {
        var other = app.Ordering.Place(_purchase.User);
        var both = new TaskCompletionSource();
        var waiting = 0;
        app.Ordering.BeforeAnswer = async _ =>
        {
            if (Interlocked.Increment(ref waiting) == 2) both.SetResult();
            await both.Task.WaitAsync(TimeSpan.FromSeconds(60));
        };

        var answers = await Task.WhenAll(_purchase.PayAsync(), _purchase.PayAsync(orderId: other.OrderId));
        app.Ordering.BeforeAnswer = null;

        Assert.Equal(
            [HttpStatusCode.Accepted, (HttpStatusCode)422],
            answers.Select(answer => answer.Status).Order());
        Assert.Equal("idempotency-key-reused", await app.ScalarAsync<string>(
            "select failure from payments where user_id = @User and status = 'FAILED'", new { _purchase.User }));
        Assert.Equal(1, await app.ScalarAsync<int>(
            """
            select count(*) from outbox o join payments p on p.id = o.key
             where p.user_id = @User and o.type = 'PaymentFailed.v1'
            """, new { _purchase.User }));
    }

    [Fact]
    public async Task Without_a_key_or_with_a_useless_one_it_is_400()
    {
        Assert.Equal("urn:shop:idempotency-key-missing", (await _purchase.PayAsync(key: null)).Type);
        Assert.Equal(
            "urn:shop:idempotency-key-invalid", (await _purchase.PayAsync(key: new string('k', 256))).Type);
        Assert.Equal(0, await PaymentsOfAsync(_purchase.User));
    }

    [Theory]
    [InlineData("CASH", "tok_ok", null, "method", "CARD, POINTS, SPLIT")]
    [InlineData("CARD", "4242 4242 4242 4242", null, "cardToken", "token")]
    [InlineData("CARD", "tok_ok", 1L, "points", "no points")]
    [InlineData("POINTS", "tok_ok", null, "cardToken", "no card token")]
    [InlineData("POINTS", "4242 4242 4242 4242", null, "cardToken", "no card token")]
    [InlineData("POINTS", null, 0L, "points", "whole amount")]
    [InlineData("POINTS", null, 999L, "points", "1000")]
    [InlineData("SPLIT", null, 500L, "cardToken", "required")]
    [InlineData("SPLIT", "tok_ok", null, "points", "needs points")]
    [InlineData("SPLIT", "tok_ok", 0L, "points", "needs points")]
    [InlineData("SPLIT", "tok_ok", 1000L, "points", "1 to 999")]
    public async Task Bad_terms_are_400_name_their_field_and_ask_nobody(
        string method, string? token, long? points, string field, string hint)
    {
        var asked = app.Ordering.Asked;

        var answer = await _purchase.PayAsync(token, method: method, points: points);

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        var message = answer.Json.GetProperty("errors").GetProperty(field)[0].GetString()!;
        Assert.Contains(hint, message, StringComparison.Ordinal);
        Assert.DoesNotContain("4242", answer.Body, StringComparison.Ordinal);
        Assert.Equal(asked, app.Ordering.Asked);
        Assert.Equal(0, await PaymentsOfAsync(_purchase.User));
    }

    [Fact]
    public async Task A_strangers_order_is_404_and_consumes_no_key()
    {
        var stranger = Guid.CreateVersion7();
        var refused = await _purchase.PayAsync(user: stranger);
        Assert.Equal(HttpStatusCode.NotFound, refused.Status);
        Assert.Equal(0, await PaymentsOfAsync(stranger));
    }

    [Fact]
    public async Task Orderings_refusal_is_passed_on_and_consumes_no_key()
    {
        app.Ordering.Refuse(_purchase.Order.OrderId, "order-expired");
        var answer = await _purchase.PayAsync();

        Assert.Equal(HttpStatusCode.Conflict, answer.Status);
        Assert.Equal("urn:shop:order-expired", answer.Type);
        Assert.Equal(0, await PaymentsOfAsync(_purchase.User));
    }

    [Fact]
    public async Task A_payment_is_seen_by_its_owner_and_an_admin_only()
    {
        var id = await _purchase.PaidAsync();
        using var owner = app.ClientOf(_purchase.User);
        using var admin = app.ClientOf(Guid.CreateVersion7(), admin: true);
        using var stranger = app.ClientOf(Guid.CreateVersion7());
        using var nobody = app.Client(null);
        var (one, ofOrder) = ($"/payments/{id}", $"/payments?orderId={_purchase.Order.OrderId}");

        foreach (var path in new[] { one, ofOrder })
        {
            Assert.Equal(HttpStatusCode.OK, (await owner.GetAsync(path)).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await admin.GetAsync(path)).StatusCode);
            Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync(path)).StatusCode);
        }

        Assert.Equal(HttpStatusCode.NotFound, (await stranger.GetAsync(one)).StatusCode);
        Assert.Equal("""{"items":[],"nextCursor":null}""", await stranger.GetStringAsync(ofOrder));
        Assert.Equal(
            """{"items":[],"nextCursor":null}""",
            await owner.GetStringAsync($"/payments?orderId={Guid.CreateVersion7()}"));
    }

    [Fact]
    public async Task The_attempts_of_an_order_are_listed_page_by_page()
    {
        Guid[] attempts =
        [
            await _purchase.PaidAsync("tok_declined", "a"),
            await _purchase.PaidAsync("tok_declined", "b"),
            await _purchase.PaidAsync("tok_ok", "c"),
        ];
        using var client = app.ClientOf(_purchase.User);
        var address = $"/payments?orderId={_purchase.Order.OrderId}&limit=2";

        var first = await client.GetFromJsonAsync<JsonElement>(address);
        var cursor = first.GetProperty("nextCursor").GetString();
        var second = await client.GetFromJsonAsync<JsonElement>($"{address}&cursor={cursor}");

        Assert.Equal(attempts, Ids(first).Concat(Ids(second)));
        Assert.Equal(JsonValueKind.Null, second.GetProperty("nextCursor").ValueKind);
        Assert.Equal(HttpStatusCode.BadRequest, (await client.GetAsync($"{address}&cursor=x")).StatusCode);

        static IEnumerable<Guid> Ids(JsonElement page) =>
            page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetGuid());
    }

    [Fact]
    public async Task In_one_call_the_id_is_the_key()
    {
        var order = _purchase.Order;
        var request = new PayOrderInOneCall.Request(
            Guid.CreateVersion7(), order.OrderId, order.UserId, "CARD", "tok_ok", null, order.Amount, order.Currency,
            order.Lines);
        using var ordering = app.InternalClient();
        var asked = app.Ordering.Asked;

        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ =>
            await Answer.OfAsync(await ordering.PostAsJsonAsync("/internal/payments", request))));
        await app.DeliverAsync();

        Assert.All(answers, answer => Assert.Equal(request.PaymentId, answer.PaymentId));
        Assert.Equal("COMPLETED", await app.StatusAsync(request.PaymentId));
        Assert.Equal(asked, app.Ordering.Asked);

        using var buyer = app.ClientOf(_purchase.User);
        var refused = await buyer.PostAsJsonAsync("/internal/payments", request);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        var wrong = await ordering.PostAsJsonAsync(
            "/internal/payments", request with { PaymentId = Guid.CreateVersion7(), Amount = 999 });
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
    }

    private Task<int> PaymentsOfAsync(Guid user) =>
        app.ScalarAsync<int>("select count(*) from payments where user_id = @user", new { user });
}
