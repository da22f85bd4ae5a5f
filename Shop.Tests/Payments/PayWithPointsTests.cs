using System.Net;
using System.Net.Http.Json;
using Shop.Payments.Payments;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Payments;

public sealed class PayWithPointsTests : IClassFixture<PaymentsApp>
{
    private readonly PaymentsApp _app;
    private readonly Purchase _purchase;
    private readonly Wallet _wallet;

    public PayWithPointsTests(PaymentsApp app)
    {
        _app = app;
        _purchase = new(app);
        _wallet = new(app, _purchase.User);
    }

    [Fact]
    public async Task Points_are_held_with_the_payment_used_with_its_completion_and_no_processor_is_asked()
    {
        await _wallet.ChargedAsync(1_500);

        var answer = await _purchase.PayInPointsAsync();

        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        Assert.Equal((500, 1_000), await _wallet.PointsAsync());
        await _app.DeliverAsync();
        Assert.Equal((500, 0), await _wallet.PointsAsync());
        Assert.Equal(["CHARGED 1500", "USED -1000"], await _wallet.StatementAsync());
        var shown = await _purchase.ShownAsync(answer.PaymentId);
        Assert.Equal(
            ("COMPLETED", "POINTS", 0L, 1_000L),
            (shown.GetProperty("status").GetString(), shown.GetProperty("method").GetString(),
                shown.GetProperty("card").GetInt64(), shown.GetProperty("points").GetInt64()));
        Assert.Equal(0, _app.Processor.CallsFor(answer.PaymentId));
        Assert.Equal(["PaymentRequested.v1", "PaymentCompleted.v1"], await _app.EventsOfAsync(answer.PaymentId));
        Assert.Equal(
            "REQUESTED,PROCESSING,COMPLETED",
            await _app.ScalarAsync<string>(
                "select string_agg(to_status, ',' order by version) from payment_transitions where payment_id = @id",
                new { id = answer.PaymentId }));
        Assert.Equal(["PointCharged.v1", "PointUsed.v1"], await _app.EventsOfAsync(_purchase.User));
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task A_split_payment_takes_each_part_once()
    {
        await _wallet.ChargedAsync(400);

        var answer = await _purchase.PayAsync(method: "SPLIT", points: 400);
        await _app.DeliverAsync();

        Assert.Equal("COMPLETED", await _app.StatusAsync(answer.PaymentId));
        Assert.Equal(600, _app.Processor.CapturedUnder(answer.PaymentId));
        Assert.Equal((0, 0), await _wallet.PointsAsync());
        Assert.Equal(["CHARGED 400", "USED -400"], await _wallet.StatementAsync());
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task Too_few_points_are_402_stored_and_replayed_and_the_order_may_be_paid_again()
    {
        await _wallet.ChargedAsync(999);

        var refused = await _purchase.PayInPointsAsync();
        var replay = await _purchase.PayInPointsAsync();

        Assert.Equal(HttpStatusCode.PaymentRequired, refused.Status);
        Assert.Equal("urn:shop:not-enough-points", refused.Type);
        Assert.Equal(refused with { Replayed = true }, replay);
        var shown = await _purchase.ShownAsync(refused.PaymentId);
        Assert.Equal(
            ("FAILED", "not-enough-points"),
            (shown.GetProperty("status").GetString(), shown.GetProperty("failure").GetString()));
        Assert.Equal(["PaymentFailed.v1"], await _app.EventsOfAsync(refused.PaymentId));
        Assert.Equal((999, 0), await _wallet.PointsAsync());
        Assert.Equal("COMPLETED", await _app.StatusAsync(await _purchase.PaidAsync(key: "by card")));
    }

    [Fact]
    public async Task Who_never_had_points_has_too_few()
    {
        var refused = await _purchase.PayInPointsAsync();

        Assert.Equal(HttpStatusCode.PaymentRequired, refused.Status);
        Assert.Equal((0, 0), await _wallet.PointsAsync());
    }

    [Fact]
    public async Task Fifty_at_once_with_one_key_and_too_few_points_are_one_payment_and_one_answer()
    {
        await _wallet.ChargedAsync(10);

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _purchase.PayInPointsAsync()));

        Assert.Single(answers.Select(answer => (answer.Status, answer.Body)).Distinct());
        Assert.Equal(HttpStatusCode.PaymentRequired, answers[0].Status);
        Assert.Equal(1, await _app.ScalarAsync<int>(
            "select count(*) from payments where user_id = @User and purpose = 'ORDER'", new { _purchase.User }));
        Assert.Equal(["PaymentFailed.v1"], await _app.EventsOfAsync(answers[0].PaymentId));
    }

    [Fact]
    public async Task Sixty_four_tabs_that_pay_with_the_same_points_spend_no_more_than_there_are()
    {
        await _wallet.ChargedAsync(10_700);
        var orders = Enumerable.Range(0, 64).Select(_ => _app.Ordering.Place(_purchase.User)).ToArray();

        var answers = await Task.WhenAll(orders.Select((order, i) => i % 2 == 0
            ? _purchase.PayInPointsAsync($"tab-{i}", order.OrderId)
            : _purchase.PayAsync(key: $"tab-{i}", method: "SPLIT", orderId: order.OrderId, points: 700)));
        var (available, held) = await _wallet.PointsAsync();
        await _app.DeliverAsync();

        Assert.All(answers, answer => Assert.Contains(
            answer.Status, new[] { HttpStatusCode.Accepted, HttpStatusCode.PaymentRequired }));
        var taken = answers.Select((answer, i) => answer.Status == HttpStatusCode.Accepted ? i % 2 == 0 ? 1_000 : 700 : 0)
            .Sum();
        Assert.Equal((10_700 - taken, taken), (available, held));
        Assert.InRange(available, 0, 699);
        Assert.Equal((available, 0), await _wallet.PointsAsync());
        Assert.Equal(taken, await _app.ScalarAsync<long>(
            "select sum(points_captured) from payments where user_id = @User and status = 'COMPLETED'",
            new { _purchase.User }));
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task A_split_payment_that_is_declined_gives_the_points_back()
    {
        await _wallet.ChargedAsync(400);

        var answer = await _purchase.PayAsync("tok_declined", method: "SPLIT", points: 400);
        Assert.Equal((0, 400), await _wallet.PointsAsync());
        await _app.DeliverAsync();

        Assert.Equal("FAILED", await _app.StatusAsync(answer.PaymentId));
        Assert.Equal((400, 0), await _wallet.PointsAsync());
        Assert.Equal(["CHARGED 400"], await _wallet.StatementAsync());
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_void_gives_the_points_back_before_and_after_the_start(bool started)
    {
        await _wallet.ChargedAsync(400);
        var id = (await _purchase.PayAsync(method: "SPLIT", points: 400)).PaymentId;
        if (started) await _app.HandleAsync(OnPaymentRequested.Handle, _purchase.Requested(id), afterCommit: false);
        var due = new PaymentVoidDue(_purchase.Order.OrderId, id, _app.Clock.GetUtcNow());

        Assert.Equal(Verdict.Applied, await _app.HandleAsync(OnPaymentVoidDue.Handle, due));
        Assert.Equal(Verdict.AlreadyApplied, await _app.HandleAsync(OnPaymentVoidDue.Handle, due));
        await _app.DeliverAsync();

        Assert.Equal("FAILED", await _app.StatusAsync(id));
        Assert.Equal((400, 0), await _wallet.PointsAsync());
        Assert.Equal(0, _app.Processor.CapturedUnder(id));
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task A_capture_that_comes_after_a_void_gives_back_the_card_and_leaves_the_points()
    {
        await _wallet.ChargedAsync(400);
        var id = (await _purchase.PayAsync(method: "SPLIT", points: 400)).PaymentId;
        await _app.HandleAsync(
            OnPaymentVoidDue.Handle, new PaymentVoidDue(_purchase.Order.OrderId, id, _app.Clock.GetUtcNow()));
        _app.Processor.CaptureBehind(id, 600);

        Assert.Equal(
            PaymentVerdict.RefundOwed, await SettlePayment.CapturedAsync(_app.Database, id, 600, "webhook", default));
        await _app.DeliverAsync();

        Assert.Equal(600, _app.Processor.RefundedOf(id));
        Assert.Equal((400, 0), await _wallet.PointsAsync());
        Assert.Equal(["CHARGED 400"], await _wallet.StatementAsync());
    }

    [Fact]
    public async Task An_event_that_comes_twice_uses_the_points_once()
    {
        await _wallet.ChargedAsync(1_000);
        var id = (await _purchase.PayInPointsAsync()).PaymentId;

        Assert.Equal(Verdict.Applied, await _app.HandleAsync(OnPaymentRequested.Handle, _purchase.Requested(id)));
        Assert.Equal(
            Verdict.AlreadyApplied, await _app.HandleAsync(OnPaymentRequested.Handle, _purchase.Requested(id)));

        Assert.Equal(["CHARGED 1000", "USED -1000"], await _wallet.StatementAsync());
        Assert.Equal(0, _app.Processor.CallsFor(id));
    }

    [Fact]
    public async Task In_one_call_points_pay_as_well()
    {
        await _wallet.ChargedAsync(1_000);
        var order = _purchase.Order;
        var request = new PayOrderInOneCall.Request(
            Guid.CreateVersion7(), order.OrderId, order.UserId, "SPLIT", "tok_ok", 300, order.Amount, order.Currency,
            order.Lines);
        using var ordering = _app.InternalClient();

        var answer = await Answer.OfAsync(await ordering.PostAsJsonAsync("/internal/payments", request));
        await _app.DeliverAsync();

        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        Assert.Equal("COMPLETED", await _app.StatusAsync(request.PaymentId));
        Assert.Equal((700, 0), await _wallet.PointsAsync());
        Assert.Equal(700, _app.Processor.CapturedUnder(request.PaymentId));
        await RefusedAsync(request with { PaymentId = Guid.CreateVersion7(), Points = 1_000 }, "points");
        await RefusedAsync(request with { PaymentId = Guid.CreateVersion7(), Currency = "EUR" }, "currency");

        async Task RefusedAsync(PayOrderInOneCall.Request wrong, string field)
        {
            var refused = await Answer.OfAsync(await ordering.PostAsJsonAsync("/internal/payments", wrong));
            Assert.Equal(HttpStatusCode.BadRequest, refused.Status);
            Assert.True(refused.Json.GetProperty("errors").TryGetProperty(field, out _), refused.Body);
        }
    }

    [Fact]
    public async Task Points_that_do_not_fit_a_strangers_order_are_404()
    {
        var refused = await _purchase.PayAsync(
            token: null, method: "POINTS", user: Guid.CreateVersion7(), points: 7);

        Assert.Equal(HttpStatusCode.NotFound, refused.Status);
    }
}
