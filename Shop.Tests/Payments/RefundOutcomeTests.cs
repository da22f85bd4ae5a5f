using Microsoft.Extensions.DependencyInjection;
using Shop.Payments.Payments;
using Shop.Payments.Refunds;
using Shop.ServiceDefaults.Events;

namespace Shop.Tests.Payments;

/// <summary>How refunds end, and what they leave. One app per test: the sweep takes whatever is due.</summary>
public sealed class RefundOutcomeTests : IAsyncLifetime
{
    private readonly PaymentsApp _app = new();
    private readonly Purchase _purchase;

    public RefundOutcomeTests() => _purchase = new(_app);

    public Task InitializeAsync() => _app.InitializeAsync();

    public Task DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task What_the_processor_refuses_and_the_shop_does_not_owe_fails_and_gives_its_room_and_lines_back()
    {
        var payment = await _purchase.PaidAsync();
        var units = new
        {
            lines = new[] { new { _purchase.Order.Lines[0].ProductId, quantity = 2 } }, restock = true, reason = "back",
        };
        _app.Processor.RefusesRefunds = true;
        var refused = await _app.RefundedAsync(_purchase.User, payment, units, "first");
        Assert.Equal((700, 0), await _app.RefundedOfAsync(payment));

        await _app.DeliverAsync();

        Assert.Equal("FAILED", await _app.RefundStatusAsync(refused));
        Assert.Equal((0, 0), await _app.RefundedOfAsync(payment));
        Assert.Equal(0, await _app.ScalarAsync<long>(
            "select sum(refunded_quantity) from payment_lines where payment_id = @payment", new { payment }));
        Assert.Equal(["RefundRequested.v1", "RefundFailed.v1"], (await _app.EventsOfAsync(payment)).TakeLast(2));

        _app.Processor.RefusesRefunds = false;
        var again = await _app.RefundedAsync(_purchase.User, payment, units, "second");
        await _app.DeliverAsync();
        Assert.Equal("COMPLETED", await _app.RefundStatusAsync(again));
        Assert.Equal(700, _app.Processor.RefundedOf(payment));
    }

    [Fact]
    public async Task Webhook_worker_and_sweep_at_once_complete_it_once()
    {
        var payment = await _purchase.PaidAsync();
        var refund = await _app.RefundedAsync(_purchase.User, payment, new { reason = "all" });
        await _app.HandleAsync(OnRefundRequested.Handle, Requested(payment, refund), afterCommit: false);

        var verdicts = await Task.WhenAll(
            SettleRefund.RefundedAsync(_app.Database, refund, "worker", default),
            SettleRefund.RefundedAsync(_app.Database, refund, "webhook", default),
            SettleRefund.RefundedAsync(_app.Database, refund, "sweep", default));

        Assert.Equal(
            [PaymentVerdict.Applied, PaymentVerdict.AlreadyApplied, PaymentVerdict.AlreadyApplied], verdicts.Order());
        Assert.Single(await _app.EventsOfAsync(payment), type => type == "RefundCompleted.v1");
        Assert.Equal((1_000, 0), await _app.RefundedOfAsync(payment));
    }

    [Fact]
    public async Task A_processor_that_says_another_amount_ends_nothing()
    {
        var payment = await _purchase.PaidAsync();
        var refund = await _app.RefundedAsync(_purchase.User, payment, new { amount = 400, reason = "part" });
        await _app.HandleAsync(OnRefundRequested.Handle, Requested(payment, refund), afterCommit: false);

        Assert.Equal(
            PaymentVerdict.AmountDiffers,
            await SettleRefund.RefundedAsync(_app.Database, refund, "webhook", default, said: 399));
        Assert.Equal("PROCESSING", await _app.RefundStatusAsync(refund));
        Assert.Equal(
            PaymentVerdict.Applied,
            await SettleRefund.RefundedAsync(_app.Database, refund, "webhook", default, said: 400));
    }

    [Fact]
    public async Task A_completion_and_a_refusal_at_once_end_it_once()
    {
        var payment = await _purchase.PaidAsync();
        var refund = await _app.RefundedAsync(_purchase.User, payment, new { amount = 400, reason = "part" });
        await _app.HandleAsync(OnRefundRequested.Handle, Requested(payment, refund), afterCommit: false);

        var verdicts = await Task.WhenAll(
            SettleRefund.RefundedAsync(_app.Database, refund, "webhook", default),
            SettleRefund.FailedAsync(_app.Database, refund, "refused", "worker", default));

        Assert.Equal([PaymentVerdict.Applied, PaymentVerdict.TooLate], verdicts.Order());
        var completed = await _app.RefundStatusAsync(refund) == "COMPLETED";
        Assert.Equal((completed ? 400 : 0, 0), await _app.RefundedOfAsync(payment));
    }

    [Fact]
    public async Task A_worker_that_died_after_the_call_is_followed_by_the_sweep_and_the_money_goes_once()
    {
        var payment = await _purchase.PaidAsync();
        var refund = await _app.RefundedAsync(_purchase.User, payment, new { amount = 400, reason = "part" });
        await _app.HandleAsync(OnRefundRequested.Handle, Requested(payment, refund), afterCommit: false);
        _app.Clock.Advance(TimeSpan.FromMinutes(2));

        Assert.Equal(1, await _app.Workers.GetRequiredService<RecoverRefunds>().RunAsync(default));

        Assert.Equal("COMPLETED", await _app.RefundStatusAsync(refund));
        Assert.Equal(400, _app.Processor.RefundedOf(payment));
    }

    [Fact]
    public async Task What_the_order_wants_back_waits_for_an_open_refund_and_then_takes_the_rest()
    {
        var payment = await _purchase.PaidAsync();
        await _app.RefundedAsync(_purchase.User, payment, new { amount = 400, reason = "part" });
        var due = new OrderRefundDue(
            _purchase.Order.OrderId, payment, Guid.CreateVersion7(), Restock: true, "cancelled",
            _app.Clock.GetUtcNow());

        Assert.Equal(
            Shop.ServiceDefaults.Messaging.Verdict.NotYet, await _app.HandleAsync(OnOrderRefundDue.Handle, due));
        await _app.DeliverAsync();
        await _app.HandleAsync(OnOrderRefundDue.Handle, due);
        await _app.DeliverAsync();

        Assert.Equal(1_000, _app.Processor.RefundedOf(payment));
        Assert.Equal((1_000, 0), await _app.RefundedOfAsync(payment));
    }

    public static TheoryData<string, string, string> Outcomes => new()
    {
        { "Requested", "NotYet", "NotYet" },
        { "Processing", "Applied", "Applied" },
        { "Completed", "AlreadyApplied", "TooLate" },
        { "Failed", "TooLate", "AlreadyApplied" },
        { "Abandoned", "TooLate", "TooLate" },
    };

    [Theory]
    [MemberData(nameof(Outcomes))]
    public void Every_state_answers_every_outcome(string status, string completed, string failed)
    {
        var state = Enum.Parse<RefundStatus>(status);

        Assert.Equal(completed, SettleRefund.Decide(state, RefundStatus.Completed).ToString());
        Assert.Equal(failed, SettleRefund.Decide(state, RefundStatus.Failed).ToString());
    }

    private RefundRequested Requested(Guid payment, Guid refund) =>
        new(refund, payment, _purchase.Order.OrderId, _app.Clock.GetUtcNow());
}
