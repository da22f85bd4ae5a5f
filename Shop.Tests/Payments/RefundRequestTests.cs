using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;
using Shop.Payments.Orders;
using Shop.Payments.Proof;
using Shop.Payments.Refunds;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Payments;

public sealed class RefundRequestTests(PaymentsApp app) : IClassFixture<PaymentsApp>
{
    private readonly Purchase _purchase = new(app);

    [Fact]
    public async Task An_amount_goes_back_once_and_is_spread_over_the_lines()
    {
        var payment = await _purchase.PaidAsync();
        var asked = app.Ordering.RefundAttempts.Count;

        var refund = await app.RefundedAsync(_purchase.User, payment, new { amount = 601, reason = "scratched" });
        await app.DeliverAsync();

        Assert.Equal(601, app.Processor.RefundedOf(payment));
        Assert.Equal(asked, app.Ordering.RefundAttempts.Count);
        Assert.Equal((601, 0), await app.RefundedOfAsync(payment));
        using var client = app.ClientOf(_purchase.User);
        Assert.Equal(
            $$"""
            {"id":"{{refund}}","paymentId":"{{payment}}","status":"COMPLETED","amount":601,"card":601,"points":0,
            "reason":"scratched"}
            """.ReplaceLineEndings(""),
            await client.GetStringAsync($"/refunds/{refund}"));
        Assert.Equal(601, (await _purchase.ShownAsync(payment)).GetProperty("refunded").GetInt64());
        Assert.Equal(
            ["PaymentRequested.v1", "PaymentCompleted.v1", "RefundRequested.v1", "RefundCompleted.v1"],
            await app.EventsOfAsync(payment));
        var completed = await CompletedAsync(refund);
        Assert.False(completed.GetProperty("whole").GetBoolean());
        Assert.Equal(
            _purchase.Order.Lines.Select(line => (line.ProductId, 0, line.Amount == 700 ? 421L : 180)).Order(),
            LinesOf(completed));
    }

    [Fact]
    public async Task Two_refunds_of_60_percent_at_once_are_one()
    {
        var payment = await _purchase.PaidAsync();

        var answers = await Task.WhenAll(
            app.RefundAsync(_purchase.User, payment, new { amount = 600, reason = "a" }, "a"),
            app.RefundAsync(_purchase.User, payment, new { amount = 600, reason = "b" }, "b"));
        await app.DeliverAsync();

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.Accepted);
        var refused = Assert.Single(answers, answer => answer.Status == HttpStatusCode.Conflict);
        Assert.Equal("urn:shop:refund-exceeds-payment", refused.Type);
        Assert.Equal(400, refused.Json.GetProperty("left").GetInt64());
        Assert.Equal(600, app.Processor.RefundedOf(payment));
        Assert.Equal((600, 0), await app.RefundedOfAsync(payment));
    }

    // The look before the lock may see the payment before another refund and its lines after it.
    [Fact]
    public async Task Refunds_by_amount_at_once_are_granted_or_refused_whatever_moment_they_look_at()
    {
        var payment = await _purchase.PaidAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(n => app.RefundAsync(
            _purchase.User, payment, new { amount = 600 - n, reason = "at once" }, $"at-once-{n}")));

        Assert.Equal(1, answers.Count(answer => answer.Status == HttpStatusCode.Accepted));
        Assert.All(
            answers.Where(answer => answer.Status != HttpStatusCode.Accepted),
            answer => Assert.Equal("urn:shop:refund-exceeds-payment", answer.Type));
    }

    [Fact]
    public async Task Units_that_are_worth_nothing_alone_are_refused_by_that_name_and_go_back_with_others()
    {
        var product = Guid.CreateVersion7();
        var purchase = Purchase.Of(app, new OrderedLine(product, Guid.CreateVersion7(), "books", 3, 2));
        var payment = await purchase.PaidAsync();
        object Units(int quantity) =>
            new { lines = new[] { new { productId = product, quantity } }, restock = true, reason = "too many" };

        var alone = await app.RefundAsync(purchase.User, payment, Units(1), "alone");
        var two = await app.RefundAsync(purchase.User, payment, Units(2), "two");
        var last = await app.RefundAsync(purchase.User, payment, Units(1), "last");

        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:units-worth-nothing"), (alone.Status, alone.Type));
        Assert.Equal((HttpStatusCode.Accepted, HttpStatusCode.Accepted), (two.Status, last.Status));
        Assert.Equal((2, 0), await app.RefundedOfAsync(payment));
    }

    [Fact]
    public async Task Many_at_once_with_one_key_are_one_refund_and_one_answer()
    {
        var payment = await _purchase.PaidAsync();

        // All that is left: a second one would find nothing.
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => app.RefundAsync(
            _purchase.User, payment, new { amount = 1_000, restock = true, reason = "all" }, "refund")));
        var late = await app.RefundAsync(
            _purchase.User, payment, new { amount = 1_000, restock = true, reason = "all" }, "refund");

        Assert.Single(answers.Append(late).Select(answer => (answer.Status, answer.Body)).Distinct());
        Assert.Equal((HttpStatusCode.Accepted, true), (late.Status, late.Replayed));
        Assert.Equal(1, await CountAsync(payment));
        Assert.Equal((1_000, 0), await app.RefundedOfAsync(payment));
    }

    [Theory]
    [InlineData("update payments set card_refunded = card_refunded + 600 where id = @payment")]
    [InlineData("update payments set points_refunded = points_refunded + 1 where id = @payment")]
    [InlineData("update payment_lines set refunded_amount = refunded_amount + 600 where payment_id = @payment")]
    [InlineData("update payment_lines set refunded_quantity = refunded_quantity + 2 where payment_id = @payment")]
    [InlineData("update refunds set status = 'PROCESSING', next_try_at = now() where payment_id = @payment")]
    [InlineData("update refunds set card = card + 1 where payment_id = @payment")]
    public async Task The_database_refuses_what_exceeds_the_payment_or_changes_the_past(string sql)
    {
        var payment = await _purchase.PaidAsync();
        await app.RefundedAsync(_purchase.User, payment, new { amount = 600, reason = "half" });
        await app.DeliverAsync();

        var refused = await Assert.ThrowsAsync<PostgresException>(() => app.ExecuteAsync(sql, new { payment }));

        Assert.Contains(
            refused.SqlState, new[] { PostgresErrorCodes.CheckViolation, PostgresErrorCodes.RestrictViolation });
        Assert.Equal((600, 0), await app.RefundedOfAsync(payment));
    }

    [Fact]
    public async Task Partial_refunds_of_a_split_payment_at_once_take_the_card_first_and_its_remainder_once()
    {
        var payment = await app.PaidInBothAsync(_purchase, points: 650);

        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(n => app.RefundAsync(
            _purchase.User, payment, new { amount = 100, reason = "a part" }, $"part-{n}")));

        Assert.Equal(10, answers.Count(answer => answer.Status == HttpStatusCode.Accepted));
        Assert.Equal(6, answers.Count(answer => answer.Status == HttpStatusCode.Conflict));
        Assert.Equal((350, 650), await app.RefundedOfAsync(payment));
        // One that saw exactly 100 left asked Ordering for the goods, too; if it came too late, its row has no money.
        Assert.Equal("100/0:3 50/50:1 0/100:6", await app.ScalarAsync<string>(
            """
            select string_agg(card || '/' || points || ':' || n, ' ' order by card desc)
              from (select card, points, count(*) as n from refunds
                     where payment_id = @payment and card + points > 0
                     group by 1, 2) legs
            """, new { payment }));
        await app.DeliverAsync();
        Assert.Equal(350, app.Processor.RefundedOf(payment));
        Assert.Equal((650, 0), await new Wallet(app, _purchase.User).PointsAsync());
        await Wallet.AssertBooksHoldAsync(app);
    }

    [Fact]
    public async Task Units_of_lines_go_back_up_to_the_last_one_and_Ordering_is_asked_first()
    {
        var payment = await _purchase.PaidAsync();
        var product = _purchase.Order.Lines[0].ProductId;
        object OneUnit(bool restock) =>
            new { lines = new[] { new { productId = product, quantity = 1 } }, restock, reason = "too many" };

        var first = await app.RefundedAsync(_purchase.User, payment, OneUnit(restock: true), "first");
        var second = await app.RefundedAsync(_purchase.User, payment, OneUnit(restock: false), "second");
        var third = await app.RefundAsync(_purchase.User, payment, OneUnit(restock: true), "third");
        await app.DeliverAsync();

        Assert.Equal(
            [(first, true, product, 1), (second, false, product, 1)],
            app.Ordering.RefundAttempts.Where(attempt => attempt.PaymentId == payment)
                .Select(a => (a.RefundId, a.Restock, a.Lines!.Single().ProductId, a.Lines!.Single().Quantity)));
        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:refund-exceeds-payment"), (third.Status, third.Type));
        Assert.Equal(0, third.Json.GetProperty("quantityLeft").GetInt32());
        Assert.Equal(product, third.Json.GetProperty("productId").GetGuid());
        Assert.Equal(700, app.Processor.RefundedOf(payment));
        Assert.Equal((700, 0), await app.RefundedOfAsync(payment));
        Assert.Equal([(product, 1, 350)], LinesOf(await CompletedAsync(first)));
        Assert.True((await CompletedAsync(first)).GetProperty("restock").GetBoolean());
        Assert.False((await CompletedAsync(second)).GetProperty("restock").GetBoolean());
    }

    [Fact]
    public async Task After_a_part_the_whole_rest_is_what_was_not_refunded_units_and_money()
    {
        var payment = await _purchase.PaidAsync();
        var lines = _purchase.Order.Lines;
        await app.RefundedAsync(
            _purchase.User, payment,
            new { lines = new[] { new { lines[0].ProductId, quantity = 1 } }, restock = true, reason = "one" }, "one");

        var rest = await app.RefundedAsync(
            _purchase.User, payment, new { amount = 650, restock = true, reason = "all the rest" }, "rest");
        await app.DeliverAsync();

        var attempt = Assert.Single(app.Ordering.RefundAttempts, attempt => attempt.RefundId == rest);
        Assert.Equal((null, true), (attempt.Lines, attempt.Restock));
        var completed = await CompletedAsync(rest);
        Assert.True(completed.GetProperty("whole").GetBoolean());
        Assert.Equal(
            new[] { (lines[0].ProductId, 1, 350L), (lines[1].ProductId, 1, 300L) }.Order(), LinesOf(completed));
        Assert.Equal(1_000, app.Processor.RefundedOf(payment));
        // The order's own wish for all that is left, by a cancel that came later, finds nothing.
        Assert.Equal(
            Verdict.AlreadyApplied,
            await app.HandleAsync(OnOrderRefundDue.Handle, new OrderRefundDue(
                _purchase.Order.OrderId, payment, Guid.CreateVersion7(), true, "cancelled", app.Clock.GetUtcNow())));
    }

    [Fact]
    public async Task What_Ordering_refuses_is_passed_on_keeps_nothing_and_may_be_asked_again_under_its_key()
    {
        var payment = await _purchase.PaidAsync();
        app.Ordering.Refuse(_purchase.Order.OrderId, "already-shipped");
        var all = new { restock = true, reason = "all" };

        var refused = await app.RefundAsync(_purchase.User, payment, all);
        app.Ordering.Allow(_purchase.Order.OrderId);
        var accepted = await app.RefundAsync(_purchase.User, payment, all);

        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:already-shipped"), (refused.Status, refused.Type));
        Assert.Equal((HttpStatusCode.Accepted, false), (accepted.Status, accepted.Replayed));
        Assert.Equal(1, await CountAsync(payment));
    }

    [Fact]
    public async Task What_does_not_fit_any_more_after_Orderings_yes_fails_visibly_and_is_answered_so_again()
    {
        var payment = await _purchase.PaidAsync();
        var units = new
        {
            lines = new[] { new { _purchase.Order.Lines[1].ProductId, quantity = 1 } }, restock = true, reason = "late",
        };
        app.Ordering.BeforeRefundAnswer = async request =>
        {
            app.Ordering.BeforeRefundAnswer = null;
            await app.RefundedAsync(_purchase.User, payment, new { amount = 999, reason = "faster" }, "faster");
        };

        var refused = await app.RefundAsync(_purchase.User, payment, units, "late");
        var again = await app.RefundAsync(_purchase.User, payment, units, "late");

        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:refund-exceeds-payment"), (refused.Status, refused.Type));
        Assert.Equal(refused with { Replayed = true }, again);
        Assert.Equal(["RefundRequested.v1", "RefundFailed.v1"], (await app.EventsOfAsync(payment)).TakeLast(2));
        Assert.Equal((999, 0), await app.RefundedOfAsync(payment));
    }

    [Fact]
    public async Task A_refund_that_Ordering_gave_up_in_between_never_comes()
    {
        var payment = await _purchase.PaidAsync();
        Guid? refund = null;
        using var ordering = app.InternalClient();
        app.Ordering.BeforeRefundAnswer = async request =>
        {
            refund = request.RefundId;
            var asked = await ordering.GetFromJsonAsync<JsonElement>(
                $"/internal/refunds/{request.RefundId}?paymentId={payment}");
            Assert.Equal("FAILED", asked.GetProperty("status").GetString());
        };

        var answer = await app.RefundAsync(_purchase.User, payment, new { reason = "all" });
        app.Ordering.BeforeRefundAnswer = null;
        var again = await app.RefundAsync(_purchase.User, payment, new { reason = "all" });

        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:attempt-abandoned"), (answer.Status, answer.Type));
        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:attempt-abandoned"), (again.Status, again.Type));
        Assert.Equal((0, 0), await app.RefundedOfAsync(payment));

        // The tombstone is no refund whose states could be missing.
        var states = PaymentRules.All.Single(rule => rule.Name == "a-refunds-transitions-lead-to-its-state");
        Assert.Equal(0, await app.ScalarAsync<long>(
            $"select count(*) from ({states.Sql}) as checked where offends and id = @refund", new { refund }));
        using var owner = app.ClientOf(_purchase.User);
        Assert.Equal(HttpStatusCode.NotFound, (await owner.GetAsync($"/refunds/{refund}")).StatusCode);
        await app.RefundedAsync(_purchase.User, payment, new { reason = "all" }, "another key");
    }

    [Fact]
    public async Task Only_the_buyer_and_an_admin_see_and_refund_a_payment()
    {
        var payment = await _purchase.PaidAsync();
        var (stranger, body) = (Guid.CreateVersion7(), new { amount = 100, reason = "mine" });

        var refused = await app.RefundAsync(stranger, payment, body);
        var unknown = await app.RefundAsync(_purchase.User, Guid.CreateVersion7(), body);
        var admin = await app.RefundAsync(stranger, payment, body, admin: true);

        Assert.Equal((HttpStatusCode.NotFound, "urn:shop:not-found"), (refused.Status, refused.Type));
        Assert.Equal((HttpStatusCode.NotFound, "urn:shop:not-found"), (unknown.Status, unknown.Type));
        Assert.Equal(HttpStatusCode.Accepted, admin.Status);
        var refund = admin.Json.GetProperty("refundId").GetGuid();
        using var hidden = app.ClientOf(stranger);
        using var owner = app.ClientOf(_purchase.User);
        Assert.Equal(HttpStatusCode.NotFound, (await hidden.GetAsync($"/refunds/{refund}")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await owner.GetAsync($"/refunds/{refund}")).StatusCode);
        using var anybody = app.Client(null);
        Assert.Equal(HttpStatusCode.Unauthorized, (await anybody.GetAsync($"/refunds/{refund}")).StatusCode);
    }

    public static TheoryData<string, string> Invalid => new()
    {
        { """{"amount":1}""", "reason" },
        { """{"amount":0,"reason":"r"}""", "amount" },
        { """{"amount":-5,"reason":"r"}""", "amount" },
        { """{"amount":1,"restock":true,"reason":"r"}""", "restock" },
        { """{"lines":[],"reason":"r"}""", "lines" },
        { """{"amount":1,"lines":[{"productId":"$p","quantity":1}],"reason":"r"}""", "lines" },
        { """{"lines":[{"productId":"$p","quantity":0}],"reason":"r"}""", "lines[0].quantity" },
        { """{"lines":[{"quantity":1}],"reason":"r"}""", "lines[0].productId" },
        {
            """{"lines":[{"productId":"$p","quantity":1},{"productId":"$p","quantity":1}],"reason":"r"}""",
            "lines[1].productId"
        },
    };

    [Theory]
    [MemberData(nameof(Invalid))]
    public async Task What_cannot_be_meant_is_400_and_names_the_field(string body, string field)
    {
        var payment = await _purchase.PaidAsync();
        var json = JsonSerializer.Deserialize<JsonElement>(
            body.Replace("$p", _purchase.Order.Lines[0].ProductId.ToString(), StringComparison.Ordinal));

        var answer = await app.RefundAsync(_purchase.User, payment, json);

        Assert.Equal((HttpStatusCode.BadRequest, "urn:shop:invalid-request"), (answer.Status, answer.Type));
        Assert.Equal(field, Assert.Single(answer.Json.GetProperty("errors").EnumerateObject()).Name);
        Assert.Equal(0, await CountAsync(payment));
    }

    [Fact]
    public async Task A_product_that_was_not_paid_or_a_payment_that_is_not_completed_is_409()
    {
        var pending = (await _purchase.PayAsync()).PaymentId;
        var early = await app.RefundAsync(_purchase.User, pending, new { amount = 1, reason = "early" });
        await app.DeliverAsync();
        var foreign = new { lines = new[] { new { productId = Guid.CreateVersion7(), quantity = 1 } }, reason = "x" };
        var unknown = await app.RefundAsync(_purchase.User, pending, foreign);

        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:payment-not-completed"), (early.Status, early.Type));
        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:line-unknown"), (unknown.Status, unknown.Type));
    }

    private Task<long> CountAsync(Guid payment) =>
        app.ScalarAsync<long>("select count(*) from refunds where payment_id = @payment", new { payment });

    private async Task<JsonElement> CompletedAsync(Guid refund) =>
        JsonSerializer.Deserialize<JsonElement>(await app.ScalarAsync<string>(
            """
            select payload::text from outbox where type = 'RefundCompleted.v1' and payload ->> 'refundId' = @id
            """, new { id = refund.ToString() }));

    private static IEnumerable<(Guid, int, long)> LinesOf(JsonElement completed) =>
        completed.GetProperty("lines").EnumerateArray().Select(line => (
            line.GetProperty("productId").GetGuid(), line.GetProperty("quantity").GetInt32(),
            line.GetProperty("amount").GetInt64())).Order();
}
