using System.Net;
using System.Text.Json;

namespace Shop.Tests.Payments;

/// <summary>Refunds in which points move: those that paid return, those of a top-up are taken back.</summary>
public sealed class RefundPointsTests : IClassFixture<PaymentsApp>, IDisposable
{
    private readonly PaymentsApp _app;
    private readonly Purchase _purchase;
    private readonly Wallet _wallet;

    public RefundPointsTests(PaymentsApp app)
    {
        _app = app;
        _purchase = new(app);
        _wallet = new(app, _purchase.User);
    }

    public void Dispose() => _app.Processor.RefusesRefunds = false;

    [Fact]
    public async Task What_was_paid_in_points_returns_without_the_processor()
    {
        await _wallet.ChargedAsync(1_000);
        var payment = (await _purchase.PayInPointsAsync()).PaymentId;
        await _app.DeliverAsync();
        _app.Processor.RefusesRefunds = true; // It would say no, if it were asked.

        var refund = await _app.RefundedAsync(_purchase.User, payment, new { amount = 300, reason = "a part" });
        Assert.Equal((0, 0), await _wallet.PointsAsync());
        await _app.DeliverAsync();

        Assert.Equal("COMPLETED", await _app.RefundStatusAsync(refund));
        Assert.Equal((300, 0), await _wallet.PointsAsync());
        Assert.Equal(["CHARGED 1000", "USED -1000", "RETURNED 300"], await _wallet.StatementAsync());
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task Points_return_only_once_the_card_has_its_part()
    {
        var payment = await _app.PaidInBothAsync(_purchase, points: 400);
        _app.Processor.RefusesRefunds = true;

        var refused = await _app.RefundedAsync(_purchase.User, payment, new { reason = "all" }, "first");
        await _app.DeliverAsync();
        Assert.Equal("FAILED", await _app.RefundStatusAsync(refused));
        Assert.Equal((0, 0), await _wallet.PointsAsync());

        _app.Processor.RefusesRefunds = false;
        await _app.RefundedAsync(_purchase.User, payment, new { reason = "all" }, "second");
        await _app.DeliverAsync();
        Assert.Equal(600, _app.Processor.RefundedOf(payment));
        Assert.Equal((400, 0), await _wallet.PointsAsync());
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task A_top_up_is_refunded_for_its_points_and_not_for_spent_ones()
    {
        var topUp = await _wallet.ChargedAsync(1_500);

        var part = await _app.RefundedAsync(_purchase.User, topUp, new { amount = 400, reason = "too many" }, "part");
        Assert.Equal((1_100, 400), await _wallet.PointsAsync());
        await _app.DeliverAsync();
        Assert.Equal("COMPLETED", await _app.RefundStatusAsync(part));
        Assert.Equal((1_100, 0), await _wallet.PointsAsync());

        await _purchase.PayInPointsAsync();
        var spent = await _app.RefundAsync(_purchase.User, topUp, new { reason = "all" }, "spent");
        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:points-spent"), (spent.Status, spent.Type));
        Assert.Equal((100, 1_000), await _wallet.PointsAsync());
        var left = await _app.RefundAsync(_purchase.User, topUp, new { amount = 100, reason = "the rest" }, "spent");
        Assert.Equal((HttpStatusCode.Accepted, false), (left.Status, left.Replayed));
        await _app.DeliverAsync();

        Assert.Equal(500, _app.Processor.RefundedOf(topUp));
        Assert.Equal(
            ["CHARGED 1500", "TAKEN_BACK -400", "TAKEN_BACK -100", "USED -1000"],
            (await _wallet.StatementAsync()).Order());
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task A_top_up_whose_refund_is_refused_keeps_its_points()
    {
        var topUp = await _wallet.ChargedAsync(700);
        _app.Processor.RefusesRefunds = true;

        var cancelled = await _app.CancelAsync(_purchase.User, topUp, "key");
        Assert.Equal(HttpStatusCode.Accepted, cancelled.Status);
        Assert.Equal((0, 700), await _wallet.PointsAsync());
        await _app.DeliverAsync();

        Assert.Equal("FAILED", await _app.RefundStatusAsync(cancelled.Json.GetProperty("refundId").GetGuid()));
        Assert.Equal((700, 0), await _wallet.PointsAsync());
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Theory]
    [InlineData("""{"restock":true,"reason":"r"}""", "restock")]
    [InlineData("""{"lines":[{"productId":"00000000-0000-7000-8000-000000000001","quantity":1}],"reason":"r"}""",
        "lines")]
    public async Task A_top_up_has_no_goods(string body, string field)
    {
        var topUp = await _wallet.ChargedAsync(700);

        var answer = await _app.RefundAsync(
            _purchase.User, topUp, JsonSerializer.Deserialize<JsonElement>(body));

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal(field, Assert.Single(answer.Json.GetProperty("errors").EnumerateObject()).Name);
    }

    [Fact]
    public async Task Spending_and_taking_back_the_same_points_at_once_are_one_of_the_two()
    {
        var topUp = await _wallet.ChargedAsync(1_000);

        var (paid, refunded) = (
            _purchase.PayInPointsAsync(), _app.RefundAsync(_purchase.User, topUp, new { reason = "all" }));
        await Task.WhenAll(paid, refunded);
        await _app.DeliverAsync();

        Assert.True(
            ((await paid).Status == HttpStatusCode.Accepted) != ((await refunded).Status == HttpStatusCode.Accepted));
        Assert.Equal((0, 0), await _wallet.PointsAsync());
        await Wallet.AssertBooksHoldAsync(_app);
    }
}
