using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;
using Shop.Ordering.Orders;
using Shop.Ordering.Refunds;
using Shop.Ordering.Shipments;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Ordering;

public sealed class RefundAttemptTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    private readonly Guid _refund = Guid.CreateVersion7();

    [Fact]
    public async Task What_is_being_refunded_is_not_sent_until_that_has_failed()
    {
        var (a, b) = (app.Shop.Stock(5), app.Shop.Stock(5));
        var (order, payment) = await PaidAsync(a, b);

        Assert.Equal((200, null), await AskAsync(order, _refund, restock: true, a));
        Assert.Equal((200, null), await AskAsync(order, _refund, restock: true, a));

        Assert.Equal((409, "shipment-refund-pending"), await MoveAsync(order, a.Seller, "ship"));
        Assert.Equal((200, null), await MoveAsync(order, b.Seller, "ship"));
        var failed = new RefundFailed(_refund, payment, order.Id, "refused", app.Clock.GetUtcNow());
        Assert.Equal(Verdict.Applied, await app.HandleAsync<RefundFailed>(OnRefundFailed.Handle, failed));
        Assert.Equal(Verdict.AlreadyApplied, await app.HandleAsync<RefundFailed>(OnRefundFailed.Handle, failed));
        Assert.Equal((200, null), await MoveAsync(order, a.Seller, "ship"));
        Assert.Equal((409, "attempt-abandoned"), await AskAsync(order, _refund, restock: true, a));
    }

    [Fact]
    public async Task What_was_refunded_whole_is_not_sent_and_the_rest_of_the_order_is()
    {
        var (a, b) = (app.Shop.Stock(5), app.Shop.Stock(5));
        var (order, payment) = await PaidAsync(a, b);
        await AskAsync(order, _refund, restock: true, a);

        var completed = Completed(payment, order, whole: false, (a.Id, 1));
        Assert.Equal(Verdict.Applied, await app.HandleAsync<RefundCompleted>(OnRefundCompleted.Handle, completed));
        Assert.Equal(
            Verdict.AlreadyApplied, await app.HandleAsync<RefundCompleted>(OnRefundCompleted.Handle, completed));

        Assert.Equal("PARTIALLY_REFUNDED", await app.StatusAsync(order.Id));
        Assert.Equal((409, "shipment-not-wanted"), await MoveAsync(order, a.Seller, "ship"));
        Assert.Equal((200, null), await MoveAsync(order, b.Seller, "ship"));
        Assert.Equal((200, null), await MoveAsync(order, b.Seller, "deliver"));
        Assert.Equal("COMPLETED", await app.StatusAsync(order.Id));
    }

    [Fact]
    public async Task A_refund_of_what_was_waited_for_last_completes_the_order_once()
    {
        var (a, b) = (app.Shop.Stock(5), app.Shop.Stock(5));
        var (order, payment) = await PaidAsync(a, b);
        Assert.Equal((200, null), await MoveAsync(order, b.Seller, "ship"));
        Assert.Equal((200, null), await MoveAsync(order, b.Seller, "deliver"));
        Assert.Equal("PAID", await app.StatusAsync(order.Id));

        await AskAsync(order, _refund, restock: true, a);
        await app.HandleAsync<RefundCompleted>(
            OnRefundCompleted.Handle, Completed(payment, order, whole: false, (a.Id, 1)));
        Assert.Equal("COMPLETED", await app.StatusAsync(order.Id));
        Assert.Single(await app.EventsAsync(order.Id), type => type == "OrderCompleted.v1");

        // Money for what was delivered does not complete it a second time.
        await app.HandleAsync<RefundCompleted>(
            OnRefundCompleted.Handle,
            Completed(payment, order, whole: false, (b.Id, 0)) with { RefundId = Guid.CreateVersion7() });
        Assert.Equal("PARTIALLY_REFUNDED", await app.StatusAsync(order.Id));
        Assert.Single(await app.EventsAsync(order.Id), type => type == "OrderCompleted.v1");
    }

    [Fact]
    public async Task What_money_alone_is_given_back_for_is_sent()
    {
        var product = app.Shop.Stock(5);
        var (order, payment) = await PaidAsync(product);

        await app.HandleAsync<RefundCompleted>(
            OnRefundCompleted.Handle, Completed(payment, order, whole: false, (product.Id, 0)));

        Assert.Equal("PARTIALLY_REFUNDED", await app.StatusAsync(order.Id));
        Assert.Equal((200, null), await MoveAsync(order, product.Seller, "ship"));
    }

    [Fact]
    public async Task What_has_left_is_refunded_without_restock_alone()
    {
        var (a, b) = (app.Shop.Stock(5), app.Shop.Stock(5));
        var (order, _) = await PaidAsync(a, b);
        await MoveAsync(order, a.Seller, "ship");

        Assert.Equal((409, "already-shipped"), await AskAsync(order, _refund, restock: true, a));
        Assert.Equal((409, "already-shipped"), await AskAsync(order, _refund, restock: true));
        Assert.Equal((200, null), await AskAsync(order, _refund, restock: false, a));
        Assert.Equal((200, null), await MoveAsync(order, a.Seller, "deliver"));
        Assert.Equal((200, null), await AskAsync(order, Guid.CreateVersion7(), restock: true, b));
    }

    [Fact]
    public async Task Shipping_and_a_refund_with_restock_at_once_are_one_of_the_two()
    {
        foreach (var _ in Enumerable.Range(0, 12))
        {
            var product = app.Shop.Stock(5);
            var (order, _) = await PaidAsync(product);

            var shipping = MoveAsync(order, product.Seller, "ship");
            var asking = AskAsync(order, Guid.CreateVersion7(), restock: true, product);
            var (shipped, granted) = (await shipping, await asking);

            Assert.True((shipped.Status == 200) != (granted.Status == 200), $"{shipped} {granted}");
        }
    }

    [Fact]
    public async Task An_order_that_has_not_heard_of_its_payment_hears_of_it_by_the_refund()
    {
        var product = app.Shop.Stock(5);
        var (order, payment) = await app.PlacePendingAsync(product);

        Assert.Equal((409, "order-not-refundable"), await AskAsync(order, _refund, restock: true, product));
        Assert.Equal(
            (200, null), await AskAsync(order, _refund, restock: true, payment, product));

        Assert.Equal("PAID", await app.StatusAsync(order.Id));
        Assert.Equal((409, "shipment-refund-pending"), await MoveAsync(order, product.Seller, "ship"));
    }

    [Fact]
    public async Task An_order_that_is_cancelled_unknown_or_paid_otherwise_refuses()
    {
        var product = app.Shop.Stock(5);
        var (order, _) = await PaidAsync(product);
        Assert.Equal(
            (409, "order-not-refundable"),
            await AskAsync(order, _refund, restock: true, Guid.CreateVersion7(), product));
        Assert.Equal((409, "line-unknown"), await AskAsync(order, _refund, restock: true, app.Shop.Stock(1)));
        Assert.Equal(
            (404, "not-found"), await AskAsync(new(Guid.CreateVersion7(), order.UserId), _refund, true, product));
        using (var buyer = app.Buyer(order.UserId))
        {
            var answer = await buyer.PostAsJsonAsync(
                $"/internal/orders/{order.Id}/refund-attempts", new { refundId = _refund });
            Assert.Equal(403, (int)answer.StatusCode);
            await buyer.PostAsJsonAsync($"/orders/{order.Id}/cancel", new { reason = "no more" });
        }

        Assert.Equal((409, "order-being-cancelled"), await AskAsync(order, _refund, restock: true, product));
    }

    [Fact]
    public async Task An_attempt_that_Payments_never_heard_of_is_ended_by_the_sweep_and_another_is_left_alone()
    {
        var (a, b) = (app.Shop.Stock(5), app.Shop.Stock(5));
        var (order, _) = await PaidAsync(a, b);
        var alive = Guid.CreateVersion7();
        await AskAsync(order, _refund, restock: true, a);
        await AskAsync(order, alive, restock: true, b);
        app.Shop.RefundStatus = id => id == _refund ? "FAILED" : "PROCESSING";
        await RecoverRefundAttempts.RunAsync(app.Services, default);
        Assert.Equal((409, "shipment-refund-pending"), await MoveAsync(order, a.Seller, "ship"));

        await app.ExecuteAsync("update refund_attempts set recover_at = started_at where order_id = @Id", order);
        await RecoverRefundAttempts.RunAsync(app.Services, default);

        Assert.Equal((200, null), await MoveAsync(order, a.Seller, "ship"));
        Assert.Equal((409, "shipment-refund-pending"), await MoveAsync(order, b.Seller, "ship"));
        Assert.Equal("attempt-abandoned", await app.ScalarAsync<string>(
            "select failure from refund_attempts where refund_id = @_refund", new { _refund }));
    }

    [Fact]
    public async Task An_attempt_that_has_ended_stays_so()
    {
        var product = app.Shop.Stock(5);
        var (order, payment) = await PaidAsync(product);
        await AskAsync(order, _refund, restock: true, product);
        await app.HandleAsync<RefundCompleted>(
            OnRefundCompleted.Handle, Completed(payment, order, whole: true, (product.Id, 1)));
        Assert.Equal("REFUNDED", await app.StatusAsync(order.Id));

        await Assert.ThrowsAsync<PostgresException>(() => app.ExecuteAsync(
            "update refund_attempts set status = 'REQUESTED', recover_at = now(), ended_at = null"));
        Assert.Equal((409, "order-refunded"), await AskAsync(order, Guid.CreateVersion7(), restock: true, product));
    }

    public static TheoryData<string, bool, bool, bool, string> Questions()
    {
        var questions = new TheoryData<string, bool, bool, bool, string>();
        foreach (var status in Enum.GetValues<OrderStatus>())
        {
            foreach (var shipped in new[] { true, false })
            {
                var paid = status is OrderStatus.Paid or OrderStatus.Completed or OrderStatus.PartiallyRefunded;
                var settled = status == OrderStatus.Refunded ? "AlreadyRefunded" : "NotPaid";
                questions.Add(status.ToString(), false, true, shipped, paid && !shipped ? "Granted" :
                    paid ? "AlreadyShipped" : settled);
                questions.Add(status.ToString(), false, false, shipped, paid ? "Granted" : settled);
                questions.Add(status.ToString(), true, true, shipped, paid ? "BeingCancelled" : settled);
            }
        }

        return questions;
    }

    [Theory]
    [MemberData(nameof(Questions))]
    public void Every_state_answers_every_question(
        string status, bool cancelRequested, bool restock, bool shipped, string verdict)
    {
        var state = Enum.Parse<OrderStatus>(status);

        Assert.Equal(verdict, StartRefundAttempt.Decide(state, true, cancelRequested, restock, shipped).ToString());
        Assert.Equal("NotPaid", StartRefundAttempt.Decide(state, false, cancelRequested, restock, shipped).ToString());
    }

    private async Task<(OrderingApp.Placed Order, Guid PaymentId)> PaidAsync(params FakeShop.Product[] products)
    {
        var (order, paymentId) = await app.PlacePendingAsync(products);
        await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, new PaymentCompleted(
            paymentId, order.Id, order.UserId, 1_000, 1_000, 0, "KRW", app.Clock.GetUtcNow()));
        return (order, paymentId);
    }

    private RefundCompleted Completed(
        Guid payment, OrderingApp.Placed order, bool whole, params (Guid Product, int Quantity)[] lines) => new(
        _refund, payment, order.Id, 1_000, whole, Restock: true,
        [.. lines.Select(line => new RefundedLine(line.Product, line.Quantity, 1_000))], app.Clock.GetUtcNow());

    private Task<(int Status, string? Problem)> AskAsync(
        OrderingApp.Placed order, Guid refund, bool restock, params FakeShop.Product[] products) =>
        AskAsync(order, refund, restock, payment: null, products);

    private async Task<(int Status, string? Problem)> AskAsync(
        OrderingApp.Placed order, Guid refund, bool restock, Guid? payment, params FakeShop.Product[] products)
    {
        using var inside = app.Inside();
        var lines = products.Length == 0
            ? null
            : products.Select(product => new { productId = product.Id, quantity = 1 }).ToArray();
        return await ReadAsync(await inside.PostAsJsonAsync(
            $"/internal/orders/{order.Id}/refund-attempts",
            new { refundId = refund, paymentId = payment, lines, restock }));
    }

    private async Task<(int Status, string? Problem)> MoveAsync(OrderingApp.Placed order, Guid sellerId, string move)
    {
        using var seller = app.Seller(sellerId);
        return await ReadAsync(await seller.PostAsync(
            $"/orders/{order.Id}/shipments/{Shipment.IdOf(order.Id, sellerId)}/{move}", null));
    }

    private static async Task<(int Status, string? Problem)> ReadAsync(HttpResponseMessage answer)
    {
        if (answer.IsSuccessStatusCode) return ((int)answer.StatusCode, null);

        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        return ((int)answer.StatusCode, problem.GetProperty("type").GetString()!["urn:shop:".Length..]);
    }
}
