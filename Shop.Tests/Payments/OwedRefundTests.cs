using System.Text.Json;
using Dapper;
using Microsoft.Extensions.DependencyInjection;
using Shop.Payments.Payments;
using Shop.Payments.Refunds;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Payments;

/// <summary>One app per test: the sweep takes whatever is due.</summary>
public sealed class OwedRefundTests : IAsyncLifetime
{
    private readonly PaymentsApp _app = new();
    private readonly Purchase _purchase;

    public OwedRefundTests() => _purchase = new(_app);

    public Task InitializeAsync() => _app.InitializeAsync();

    public Task DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task An_order_that_wants_its_money_back_gets_all_of_it_once()
    {
        var id = await _purchase.PaidAsync();
        var due = Due(id);

        Assert.Equal(Verdict.Applied, await _app.HandleAsync(OnOrderRefundDue.Handle, due));
        Assert.Equal(Verdict.AlreadyApplied, await _app.HandleAsync(OnOrderRefundDue.Handle, due));
        await _app.DeliverAsync();

        Assert.Equal(1_000, _app.Processor.RefundedOf(id));
        Assert.Equal(1_000, (await _purchase.ShownAsync(id)).GetProperty("refunded").GetInt64());
        var payload = JsonSerializer.Deserialize<JsonElement>(await _app.ScalarAsync<string>(
            "select payload::text from outbox where key = @id and type = 'RefundCompleted.v1'", new { id }));
        Assert.Equal(due.RefundId, payload.GetProperty("refundId").GetGuid());
        Assert.Equal(due.OrderId, payload.GetProperty("orderId").GetGuid());
        Assert.Equal(1_000, payload.GetProperty("amount").GetInt64());
        Assert.True(payload.GetProperty("whole").GetBoolean());
        Assert.True(payload.GetProperty("restock").GetBoolean());
        Assert.Equal(
            _purchase.Order.Lines.Select(line => (line.ProductId, line.Quantity, line.Amount)).Order(),
            payload.GetProperty("lines").EnumerateArray().Select(line => (
                line.GetProperty("productId").GetGuid(), line.GetProperty("quantity").GetInt32(),
                line.GetProperty("amount").GetInt64())).Order());
    }

    [Fact]
    public async Task While_the_processor_refuses_it_is_tried_again_visibly_and_never_fails()
    {
        var id = await _purchase.PaidAsync();
        _app.Processor.RefusesRefunds = true;
        await _app.HandleAsync(OnOrderRefundDue.Handle, Due(id));
        await _app.DeliverAsync();

        for (var tries = 1; tries <= 5; tries++)
        {
            Assert.Equal("PROCESSING not-now", await StateAsync(id));
            _app.Clock.Advance(TimeSpan.FromMinutes(10));
            Assert.Equal(1, await SweepAsync());
        }

        _app.Processor.RefusesRefunds = false;
        _app.Clock.Advance(TimeSpan.FromMinutes(10));
        await SweepAsync();

        Assert.Equal("COMPLETED not-now", await StateAsync(id));
        Assert.Equal(1_000, _app.Processor.RefundedOf(id));
        Assert.Equal(
            6, await _app.ScalarAsync<int>("select try_count from refunds where payment_id = @id", new { id }));
    }

    [Fact]
    public async Task Another_refund_waits_for_the_open_one_and_finds_nothing_left()
    {
        var id = await _purchase.PaidAsync();
        await _app.HandleAsync(OnOrderRefundDue.Handle, Due(id));

        Assert.Equal(Verdict.NotYet, await _app.HandleAsync(OnOrderRefundDue.Handle, Due(id)));
        await _app.DeliverAsync();
        Assert.Equal(Verdict.AlreadyApplied, await _app.HandleAsync(OnOrderRefundDue.Handle, Due(id)));
        Assert.Equal(1_000, _app.Processor.RefundedOf(id));
    }

    [Fact]
    public async Task A_payment_that_has_not_ended_or_is_another_orders_is_not_yet_refunded()
    {
        var id = (await _purchase.PayAsync()).PaymentId;

        Assert.Equal(Verdict.NotYet, await _app.HandleAsync(OnOrderRefundDue.Handle, Due(id)));
        await _app.DeliverAsync();
        Assert.Equal(
            Verdict.NotYet,
            await _app.HandleAsync(OnOrderRefundDue.Handle, Due(id) with { OrderId = Guid.CreateVersion7() }));
        Assert.Equal(0, await _app.ScalarAsync<int>("select count(*) from refunds"));
    }

    [Fact]
    public async Task A_refund_whose_event_was_lost_is_sent_by_the_sweep()
    {
        var id = await _purchase.PaidAsync();
        await _app.HandleAsync(OnOrderRefundDue.Handle, Due(id));

        Assert.Equal(0, await SweepAsync());
        _app.Clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(1, await SweepAsync());

        Assert.Equal(1_000, _app.Processor.RefundedOf(id));
    }

    // Whoever makes a refund holds the payment and then takes the refund: a completion that came the other way round
    // would stand before the payment with the refund in its hands, and both would wait for ever.
    [Fact]
    public async Task A_refund_that_completes_waits_for_its_payment_before_it_takes_the_refund()
    {
        var id = await _purchase.PaidAsync();
        var due = Due(id);
        await _app.HandleAsync(OnOrderRefundDue.Handle, due);
        await _app.HandleAsync(OnRefundRequested.Handle, Requested(due), afterCommit: false);
        await using var connection = await _app.Database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync("select 1 from payments where id = @id for update", new { id });

        var completing = SettleRefund.RefundedAsync(_app.Database, due.RefundId, "webhook", default);
        await Eventually.HoldsAsync(async () => await _app.ScalarAsync<long>("""
            select count(*) from pg_locks l join pg_stat_activity a using (pid)
             where not l.granted and a.datname = current_database()
            """) > 0);
        await connection.ExecuteAsync("select 1 from refunds where id = @RefundId for update nowait", due);
        await transaction.CommitAsync();

        Assert.Equal(PaymentVerdict.Applied, await completing);
        Assert.Equal("COMPLETED", await StateAsync(id));
    }

    private RefundRequested Requested(OrderRefundDue due) =>
        new(due.RefundId, due.PaymentId, due.OrderId, _app.Clock.GetUtcNow());

    private OrderRefundDue Due(Guid paymentId) => new(
        _purchase.Order.OrderId, paymentId, Guid.CreateVersion7(), Restock: true, "cancelled", _app.Clock.GetUtcNow());

    private Task<int> SweepAsync() => _app.Workers.GetRequiredService<RecoverRefunds>().RunAsync(default);

    private Task<string> StateAsync(Guid paymentId) => _app.ScalarAsync<string>(
        "select concat_ws(' ', status, last_answer) from refunds where payment_id = @paymentId", new { paymentId });
}
