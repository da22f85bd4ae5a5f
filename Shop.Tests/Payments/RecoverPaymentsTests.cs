using Microsoft.Extensions.DependencyInjection;
using Shop.Payments.Payments;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Payments;

/// <summary>One app per test: the sweep takes whatever is due.</summary>
public sealed class RecoverPaymentsTests : IAsyncLifetime
{
    private readonly PaymentsApp _app = new() { ProcessorTimeoutSeconds = 3 };
    private readonly Purchase _purchase;

    public RecoverPaymentsTests() => _purchase = new(_app);

    public Task InitializeAsync() => _app.InitializeAsync();

    public Task DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task A_payment_whose_event_was_lost_is_started_by_the_sweep()
    {
        var id = (await _purchase.PayAsync()).PaymentId;

        Assert.Equal(0, await SweepAsync());
        _app.Clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(1, await SweepAsync());

        Assert.Equal("COMPLETED", await _app.StatusAsync(id));
        Assert.Equal(1, _app.Processor.CallsFor(id));
    }

    [Fact]
    public async Task A_payment_whose_worker_died_before_its_call_is_finished_after_the_lease()
    {
        var id = await _purchase.ProcessingAsync();

        Assert.Equal(0, await SweepAsync());
        _app.Clock.Advance(TimeSpan.FromSeconds(61));
        await SweepAsync();

        Assert.Equal("COMPLETED", await _app.StatusAsync(id));
    }

    [Fact]
    public async Task Times_out_after_capturing_is_completed_with_one_capture()
    {
        var id = await _purchase.PaidAsync("tok_timeout_captured");
        Assert.Equal("PROCESSING", await _app.StatusAsync(id));

        _app.Clock.Advance(TimeSpan.FromSeconds(3));
        await SweepAsync();

        Assert.Equal("COMPLETED", await _app.StatusAsync(id));
        Assert.Equal(1, _app.Processor.CallsFor(id));
        Assert.Equal(["PaymentRequested.v1", "PaymentCompleted.v1"], await _app.EventsOfAsync(id));
    }

    [Fact]
    public async Task Times_out_before_capturing_is_voided_by_its_key_before_it_fails()
    {
        var id = await _purchase.PaidAsync("tok_timeout_lost");

        for (var question = 1; question <= 3; question++)
        {
            _app.Clock.Advance(TimeSpan.FromMinutes(1));
            Assert.Equal(1, await SweepAsync());
            Assert.Equal("PROCESSING", await _app.StatusAsync(id));
            Assert.False(_app.Processor.IsVoided(id));
        }

        _app.Clock.Advance(TimeSpan.FromMinutes(1));
        await SweepAsync();

        Assert.True(_app.Processor.IsVoided(id));
        Assert.Equal("processor-timeout", (await _purchase.ShownAsync(id)).GetProperty("failure").GetString());
        Assert.Equal(["PaymentRequested.v1", "PaymentFailed.v1"], await _app.EventsOfAsync(id));
    }

    [Fact]
    public async Task The_pauses_between_questions_grow()
    {
        var id = await _purchase.PaidAsync("tok_timeout_lost");
        var pauses = new List<double>();
        for (var question = 0; question < 3; question++)
        {
            pauses.Add(await _app.ScalarAsync<double>(
                "select extract(epoch from next_ask_at - updated_at)::float8 from payments where id = @id",
                new { id }));
            _app.Clock.Advance(TimeSpan.FromMinutes(1));
            await SweepAsync();
        }

        Assert.Equal([2, 4, 8], pauses);
    }

    [Fact]
    public async Task Four_sweeps_at_once_share_the_work()
    {
        var purchases = Enumerable.Range(0, 20).Select(_ => new Purchase(_app)).ToArray();
        var ids = await Task.WhenAll(purchases.Select(async p => (await p.PayAsync()).PaymentId));
        _app.Clock.Advance(TimeSpan.FromSeconds(31));

        var taken = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => SweepAsync()));

        Assert.Equal(20, taken.Sum());
        foreach (var id in ids)
        {
            Assert.Equal("COMPLETED", await _app.StatusAsync(id));
            Assert.Equal(1, _app.Processor.CallsFor(id));
        }
    }

    [Fact]
    public async Task A_payment_that_was_not_started_is_withdrawn_and_never_charged()
    {
        var id = (await _purchase.PayAsync()).PaymentId;

        Assert.Equal(Verdict.Applied, await WithdrawAsync(id));
        Assert.Equal(Verdict.AlreadyApplied, await WithdrawAsync(id));
        await _app.DeliverAsync();

        Assert.Equal("payment-voided", (await _purchase.ShownAsync(id)).GetProperty("failure").GetString());
        Assert.Equal(0, _app.Processor.CallsFor(id));
    }

    [Fact]
    public async Task A_payment_on_its_way_is_voided_at_the_processor_also_when_the_worker_dies_first()
    {
        var id = await _purchase.ProcessingAsync();

        Assert.Equal(Verdict.Applied, await WithdrawAsync(id, afterCommit: false));
        Assert.Equal("PROCESSING", await _app.StatusAsync(id));
        _app.Clock.Advance(TimeSpan.FromSeconds(61));
        await SweepAsync();

        Assert.True(_app.Processor.IsVoided(id));
        Assert.Equal("FAILED", await _app.StatusAsync(id));
        Assert.Equal(0, _app.Processor.CapturedUnder(id));
    }

    [Fact]
    public async Task A_withdrawal_that_finds_the_money_taken_completes_the_payment()
    {
        var id = await _purchase.ProcessingAsync();
        _app.Processor.CaptureBehind(id, 1_000);

        await WithdrawAsync(id);

        Assert.Equal("COMPLETED", await _app.StatusAsync(id));
        Assert.Equal(Verdict.AlreadyApplied, await WithdrawAsync(id));
    }

    [Fact]
    public async Task Withdrawing_an_unknown_payment_buries_it_and_tells_its_order()
    {
        var id = Guid.CreateVersion7();

        await WithdrawAsync(id);

        Assert.Equal("ABANDONED", await _app.StatusAsync(id));
        Assert.Equal(["PaymentFailed.v1"], await _app.EventsOfAsync(id));
    }

    private Task<int> SweepAsync() => _app.Workers.GetRequiredService<RecoverPayments>().RunAsync(default);

    private Task<Verdict> WithdrawAsync(Guid id, bool afterCommit = true) => _app.HandleAsync(
        OnPaymentVoidDue.Handle, new PaymentVoidDue(_purchase.Order.OrderId, id, _app.Clock.GetUtcNow()), afterCommit);
}
