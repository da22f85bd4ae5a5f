using Shop.Payments.Refunds;
using Shop.ServiceDefaults.Events;

namespace Shop.Tests.Payments;

/// <summary>The events of payments twice, forwards or backwards: the books end the same.</summary>
public sealed class ReversedEventsTests : IAsyncLifetime
{
    private readonly PaymentsApp _app = new();

    public Task InitializeAsync() => _app.InitializeAsync();

    public Task DisposeAsync() => _app.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task All_that_was_delivered_changes_nothing_when_it_comes_twice_more(bool reversed)
    {
        var purchase = new Purchase(_app);
        var declined = await purchase.PaidAsync("tok_declined");
        var payment = await purchase.PaidAsync(key: "key-2");
        var part = await _app.RefundUnitsAsync(purchase, payment, purchase.Order.Lines[0].ProductId, 1);
        var rest = await _app.RefundRestAsync(purchase, payment);
        var before = await BooksAsync(declined, payment, part, rest);

        await _app.DeliverAllAgainAsync(reversed);
        await _app.DeliverAllAgainAsync(reversed);

        Assert.Equal(before, await BooksAsync(declined, payment, part, rest));
        await MoneyRules.HoldAsync(_app);
    }

    [Fact]
    public async Task Settlement_that_hears_of_the_refund_first_has_the_same_lines()
    {
        var purchase = new Purchase(_app);
        var payment = await purchase.PaidAsync();
        var refund = await _app.RefundRestAsync(purchase, payment);
        var before = await _app.SettledAsync(payment) + await _app.SettledAsync(refund);
        var other = new Purchase(_app);
        var completed = await _app.CompleteAsync(other);
        var refunded = await _app.RefundedAsync(other.User, completed.PaymentId, new { reason = "all" });
        await _app.HandleAsync(
            OnRefundRequested.Handle,
            new RefundRequested(refunded, completed.PaymentId, other.Order.OrderId, _app.Clock.GetUtcNow()));

        await _app.DeliverAllAgainAsync(reversed: true);

        Assert.Equal(before, await _app.SettledAsync(completed.PaymentId) + await _app.SettledAsync(refunded));
        await MoneyRules.HoldAsync(_app);
    }

    private async Task<string> BooksAsync(Guid declined, Guid payment, params Guid[] refunds)
    {
        var settled = await Task.WhenAll(refunds.Prepend(payment).Select(_app.SettledAsync));
        return string.Join('\n', [
            await _app.StatusAsync(declined), await _app.StatusAsync(payment), .. settled,
            $"{_app.Processor.RefundedOf(payment)} refunded",
            $"{await _app.ScalarAsync<long>("select count(*) from outbox")} events",
            $"{await _app.ScalarAsync<long>("select count(*) from payment_transitions")} changes",
        ]);
    }
}
