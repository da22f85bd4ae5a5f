using Shop.Ordering.Orders;
using Shop.Ordering.Refunds;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Ordering;

/// <summary>The events of one order twice, forwards or backwards: the end is the same.</summary>
public sealed class ReversedEventsTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    private const int MaxRounds = 10;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_payment_and_its_refund_end_in_the_same_order(bool reversed)
    {
        var product = app.Shop.Stock(5);
        var (order, payment) = await app.PlacePendingAsync(product);
        var (part, rest) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var now = app.Clock.GetUtcNow();
        var paid = new PaymentCompleted(payment, order.Id, order.UserId, 1_000, 1_000, 0, "KRW", now);
        var first = new RefundCompleted(
            part, payment, order.Id, 400, Whole: false, Restock: false, [new(product.Id, 0, 400)], now);
        var last = new RefundCompleted(
            rest, payment, order.Id, 600, Whole: true, Restock: true, [new(product.Id, 1, 600)], now);

        await DeliverTwiceAsync(
            reversed,
            () => app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, paid),
            () => app.HandleAsync<RefundCompleted>(OnRefundCompleted.Handle, first),
            () => app.HandleAsync<RefundCompleted>(OnRefundCompleted.Handle, last));

        Assert.Equal("REFUNDED", await app.StatusAsync(order.Id));
        Assert.Equal(["CANCELLED"], await app.QueryAsync<string>(
            "select status from shipments where order_id = @Id", new { order.Id }));
        var events = await app.EventsAsync(order.Id);
        Assert.Single(events, type => type == "OrderPaid.v1");
        Assert.DoesNotContain("OrderRefundDue.v1", events);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_payment_that_failed_and_one_that_the_order_took_end_in_the_same_order(bool reversed)
    {
        var (order, failed) = await app.PlacePendingAsync(app.Shop.Stock(5));
        var now = app.Clock.GetUtcNow();
        var declined = new PaymentFailed(failed, order.Id, order.UserId, "declined", now);
        await app.HandleAsync<PaymentFailed>(OnPaymentFailed.Handle, declined);
        var taken = Guid.CreateVersion7();
        Assert.Equal(200, (int)(await app.AttemptAsync(order, taken)).StatusCode);
        var paid = new PaymentCompleted(taken, order.Id, order.UserId, 1_000, 1_000, 0, "KRW", now);

        await DeliverTwiceAsync(
            reversed,
            () => app.HandleAsync<PaymentFailed>(OnPaymentFailed.Handle, declined),
            () => app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, paid));

        Assert.Equal("PAID", await app.StatusAsync(order.Id));
        var events = await app.EventsAsync(order.Id);
        Assert.Single(events, type => type == "OrderPaid.v1");
        Assert.DoesNotContain("OrderRefundDue.v1", events);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_refund_that_failed_gives_its_lines_back_once(bool reversed)
    {
        var product = app.Shop.Stock(5);
        var (order, payment) = await app.PlacePendingAsync(product);
        var now = app.Clock.GetUtcNow();
        var paid = new PaymentCompleted(payment, order.Id, order.UserId, 1_000, 1_000, 0, "KRW", now);
        var failed = new RefundFailed(Guid.CreateVersion7(), payment, order.Id, "refused", now);

        await DeliverTwiceAsync(
            reversed,
            () => app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, paid),
            () => app.HandleAsync<RefundFailed>(OnRefundFailed.Handle, failed));

        Assert.Equal("PAID", await app.StatusAsync(order.Id));
        Assert.Equal(["REQUESTED"], await app.QueryAsync<string>(
            "select status from shipments where order_id = @Id", new { order.Id }));
    }

    /// <summary>As a consumer does it: what is not yet possible is tried again after the others.</summary>
    private static async Task DeliverTwiceAsync(bool reversed, params Func<Task<Verdict>>[] events)
    {
        var waiting = new List<Func<Task<Verdict>>>(reversed ? events.Reverse() : events);
        waiting.AddRange([.. waiting]);
        for (var round = 0; waiting.Count > 0; round++)
        {
            Assert.True(round < MaxRounds, $"{waiting.Count} events are still too early.");
            var early = new List<Func<Task<Verdict>>>();
            foreach (var deliver in waiting)
            {
                if (await deliver() == Verdict.NotYet) early.Add(deliver);
            }

            waiting = early;
        }
    }
}
