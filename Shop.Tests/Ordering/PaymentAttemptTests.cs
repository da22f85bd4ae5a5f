using System.Net.Http.Json;
using System.Text.Json;
using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Ordering;

public sealed class PaymentAttemptTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    private readonly Guid _payment = Guid.CreateVersion7();

    [Fact]
    public async Task A_yes_names_the_frozen_amount_and_is_the_same_when_asked_again()
    {
        var (a, b) = (app.Shop.Stock(5, 700), app.Shop.Stock(5, 300));
        var order = await app.PlaceAsync(a, b);

        var first = await app.AttemptAsync(order, _payment);
        var again = await app.AttemptAsync(order, _payment);

        var text = await first.Content.ReadAsStringAsync();
        Assert.Equal((200, 200), ((int)first.StatusCode, (int)again.StatusCode));
        Assert.Equal(
            $$"""{"orderId":"{{order.Id}}","userId":"{{order.UserId}}","amount":1000,"currency":"KRW","lines":"""
            + $$"""[{"productId":"{{a.Id}}","sellerId":"{{a.Seller}}","category":"tests","quantity":1"""
            + $$""","amount":700,"discount":0},"""
            + $$"""{"productId":"{{b.Id}}","sellerId":"{{b.Seller}}","category":"tests","quantity":1"""
            + $$""","amount":300,"discount":0}]}""",
            text);
        Assert.Equal(text, await again.Content.ReadAsStringAsync());
        Assert.Equal("PAYMENT_PENDING", await app.StatusAsync(order.Id));
        Assert.Equal(2, await app.ScalarAsync<long>("select version from orders where id = @Id", new { order.Id }));
    }

    [Fact]
    public async Task Only_one_payment_is_under_way_and_only_for_the_owner()
    {
        var order = await app.PlaceAsync(app.Shop.Stock(5));

        var (strangers, unknown) = (order with { UserId = Guid.CreateVersion7() }, order with { Id = _payment });
        Assert.Equal(404, (int)(await app.AttemptAsync(strangers, _payment)).StatusCode);
        Assert.Equal(404, (int)(await app.AttemptAsync(unknown, _payment)).StatusCode);
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => app.AttemptAsync(order, Guid.CreateVersion7())));

        Assert.Single(answers, answer => (int)answer.StatusCode == 200);
        var refused = answers.Where(answer => (int)answer.StatusCode == 409).ToArray();
        Assert.Equal(7, refused.Length);
        Assert.Equal("urn:shop:payment-in-flight", await SlugAsync(refused[0]));
        using var buyer = app.Buyer(order.UserId);
        var outside = await buyer.PostAsJsonAsync(
            $"/internal/orders/{order.Id}/payment-attempts", new { paymentId = _payment, userId = order.UserId });
        Assert.Equal(403, (int)outside.StatusCode);
    }

    [Fact]
    public async Task A_failed_payment_lets_another_try_but_never_the_same_again()
    {
        var (order, paymentId) = await app.PlacePendingAsync(app.Shop.Stock(5));
        var failed = new PaymentFailed(paymentId, order.Id, order.UserId, "declined", app.Clock.GetUtcNow());

        Assert.Equal(Verdict.Applied, await app.HandleAsync<PaymentFailed>(OnPaymentFailed.Handle, failed));
        Assert.Equal(Verdict.AlreadyApplied, await app.HandleAsync<PaymentFailed>(OnPaymentFailed.Handle, failed));

        Assert.Equal("CREATED", await app.StatusAsync(order.Id));
        Assert.Equal("urn:shop:attempt-ended", await SlugAsync(await app.AttemptAsync(order, paymentId)));
        Assert.Equal(200, (int)(await app.AttemptAsync(order, _payment)).StatusCode);
        Assert.Equal(["OrderCreated.v1"], await app.EventsAsync(order.Id));
        using var buyer = app.Buyer(order.UserId);
        var view = await buyer.GetFromJsonAsync<JsonElement>($"/orders/{order.Id}");
        Assert.Equal(
            $$"""[{"id":"{{paymentId}}","status":"FAILED"},{"id":"{{_payment}}","status":"REQUESTED"}]""",
            view.GetProperty("payments").GetRawText());
    }

    // The event may arrive before the question: the attempt is over all the same.
    [Fact]
    public async Task A_payment_that_failed_before_it_was_asked_for_is_refused()
    {
        var order = await app.PlaceAsync(app.Shop.Stock(5));
        var failed = new PaymentFailed(_payment, order.Id, order.UserId, "attempt-abandoned", app.Clock.GetUtcNow());

        Assert.Equal(Verdict.Applied, await app.HandleAsync<PaymentFailed>(OnPaymentFailed.Handle, failed));

        Assert.Equal("urn:shop:attempt-ended", await SlugAsync(await app.AttemptAsync(order, _payment)));
        Assert.Equal("CREATED", await app.StatusAsync(order.Id));
    }

    [Fact]
    public async Task A_captured_payment_pays_the_order_once_with_a_shipment_per_seller()
    {
        var seller = Guid.CreateVersion7();
        var (order, paymentId) = await app.PlacePendingAsync(
            app.Shop.Stock(5, seller: seller), app.Shop.Stock(5, seller: seller), app.Shop.Stock(5));
        var completed = Completed(order, paymentId);

        Assert.Equal(Verdict.Applied, await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, completed));
        Assert.Equal(
            Verdict.AlreadyApplied, await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, completed));

        Assert.Equal("PAID", await app.StatusAsync(order.Id));
        Assert.Equal(
            ["OrderCreated.v1", "OrderPaid.v1", "ShipmentRequested.v1", "ShipmentRequested.v1"],
            await app.EventsAsync(order.Id));
        Assert.Equal(
            ["REQUESTED", "REQUESTED"],
            await app.QueryAsync<string>("select status from shipments where order_id = @Id", new { order.Id }));
        using var buyer = app.Buyer(order.UserId);
        var timeline = await buyer.GetFromJsonAsync<JsonElement>($"/orders/{order.Id}/timeline");
        Assert.Equal(
            ["placed", "payment started", "payment completed"],
            timeline.GetProperty("items").EnumerateArray().Select(change => change.GetProperty("cause").GetString()));
        Assert.Equal(409, (int)(await app.AttemptAsync(order, _payment)).StatusCode);
    }

    [Fact]
    public async Task A_payment_that_the_order_cannot_take_goes_back_once()
    {
        var (order, paymentId) = await app.PlacePendingAsync(app.Shop.Stock(5));
        await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, Completed(order, paymentId));
        var stray = Completed(order, _payment);

        Assert.Equal(Verdict.TooLate, await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, stray));
        Assert.Equal(Verdict.AlreadyApplied, await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, stray));

        Assert.Equal("PAID", await app.StatusAsync(order.Id));
        Assert.Equal(
            OrderRows.DerivedRefundId(_payment, "order-cannot-take-it"),
            Assert.Single(await RefundsDueAsync(order.Id)));
    }

    [Fact]
    public async Task A_payment_of_an_order_that_is_not_there_goes_back_and_the_order_never_comes()
    {
        var unknown = new OrderingApp.Placed(Guid.CreateVersion7(), Guid.CreateVersion7());

        var verdict = await app.HandleAsync<PaymentCompleted>(
            OnPaymentCompleted.Handle, Completed(unknown, _payment));

        Assert.Equal(Verdict.TooLate, verdict);
        Assert.Equal("ABANDONED", await app.StatusAsync(unknown.Id));
        Assert.Single(await RefundsDueAsync(unknown.Id));
    }

    [Fact]
    public async Task A_payment_cannot_fail_after_it_was_captured()
    {
        var (order, paymentId) = await app.PlacePendingAsync(app.Shop.Stock(5));
        await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, Completed(order, paymentId));
        var failed = new PaymentFailed(paymentId, order.Id, order.UserId, "declined", app.Clock.GetUtcNow());

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => app.HandleAsync<PaymentFailed>(OnPaymentFailed.Handle, failed));

        Assert.Equal("PAID", await app.StatusAsync(order.Id));
    }

    [Fact]
    public async Task Stock_that_cannot_be_committed_sends_the_money_back_once_and_nothing_is_shipped()
    {
        var product = app.Shop.Stock(5);
        var (order, paymentId) = await app.PlacePendingAsync(product);
        await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, Completed(order, paymentId));
        var failed = new StockCommitFailed(order.Id, app.Clock.GetUtcNow());

        Assert.Equal(Verdict.TooLate, await app.HandleAsync<StockCommitFailed>(OnStockCommitFailed.Handle, failed));
        Assert.Equal(
            Verdict.AlreadyApplied, await app.HandleAsync<StockCommitFailed>(OnStockCommitFailed.Handle, failed));

        Assert.Equal(
            OrderRows.DerivedRefundId(paymentId, "stock-gone"), Assert.Single(await RefundsDueAsync(order.Id)));
        using var seller = app.Seller(product.Seller);
        var shipment = await app.ScalarAsync<Guid>("select id from shipments where order_id = @Id", new { order.Id });
        var ship = await seller.PostAsync($"/orders/{order.Id}/shipments/{shipment}/ship", null);
        Assert.Equal("urn:shop:shipment-not-wanted", await SlugAsync(ship));
    }

    // Both decide by one conditional UPDATE: the payment starts, or the order expires, never both.
    [Fact]
    public async Task Expiry_against_payment_has_one_winner_for_each_order()
    {
        var product = app.Shop.Stock(100);
        var orders = new List<OrderingApp.Placed>();
        for (var i = 0; i < 40; i++) orders.Add(await app.PlaceAsync(product));
        await app.ExecuteAsync("""
            update orders set expires_at = @soon, version = version + 1 where id = any(@ids)
            """, new { soon = app.Clock.GetUtcNow().AddMilliseconds(150), ids = orders.Select(o => o.Id).ToArray() });

        using var stop = new CancellationTokenSource();
        var sweeps = new[] { SweepAsync(), SweepAsync() };
        var attempts = await Task.WhenAll(orders.Select(async order =>
            (Order: order, Answer: await app.AttemptAsync(order, Guid.CreateVersion7()))));
        await Fixtures.Eventually.HoldsAsync(async () =>
            await app.ScalarAsync<long>(
                "select count(*) from orders where id = any(@ids) and status = 'CREATED'",
                new { ids = orders.Select(o => o.Id).ToArray() }) == 0);
        await stop.CancelAsync();
        await Task.WhenAll(sweeps);

        foreach (var (order, answer) in attempts)
        {
            var started = (int)answer.StatusCode == 200;
            Assert.Equal(started ? "PAYMENT_PENDING" : "EXPIRED", await app.StatusAsync(order.Id));
            Assert.Equal(
                started ? ["OrderCreated.v1"] : ["OrderCreated.v1", "OrderExpired.v1"],
                await app.EventsAsync(order.Id));
        }

        async Task SweepAsync()
        {
            while (!stop.IsCancellationRequested) await ExpireOrders.RunAsync(app.Services, CancellationToken.None);
        }
    }

    [Fact]
    public async Task A_start_that_died_half_way_is_undone_by_what_Payments_says()
    {
        var (order, paymentId) = await app.PlacePendingAsync(app.Shop.Stock(5));
        var (waiting, slow) = await app.PlacePendingAsync(app.Shop.Stock(5));
        var (paid, captured) = await app.PlacePendingAsync(app.Shop.Stock(5));
        app.Shop.PaymentState = id => id == slow
            ? ("PROCESSING", null)
            : id == captured ? ("COMPLETED", null) : ("FAILED", "attempt-abandoned");
        await app.ExecuteAsync(
            "update orders set recover_at = created_at where id = any(@ids)",
            new { ids = new[] { order.Id, waiting.Id, paid.Id } });

        Assert.Equal(2, await RecoverPaymentStarts.RunAsync(app.Services, CancellationToken.None));

        Assert.Equal(
            ("CREATED", "PAYMENT_PENDING", "PAID"),
            (await app.StatusAsync(order.Id), await app.StatusAsync(waiting.Id), await app.StatusAsync(paid.Id)));
        Assert.Equal("urn:shop:attempt-ended", await SlugAsync(await app.AttemptAsync(order, paymentId)));
        Assert.Equal(0, await RecoverPaymentStarts.RunAsync(app.Services, CancellationToken.None));
    }

    [Fact]
    public async Task An_order_whose_payment_cannot_be_asked_about_holds_up_no_other()
    {
        var pending = new List<(OrderingApp.Placed Order, Guid PaymentId)>();
        for (var i = 0; i < 5; i++) pending.Add(await app.PlacePendingAsync(app.Shop.Stock(5)));
        app.Shop.PaymentState = id => id == pending[0].PaymentId || id == pending[2].PaymentId
            ? throw new InvalidOperationException("Payments answers 500.")
            : ("FAILED", "attempt-abandoned");
        await app.ExecuteAsync(
            "update orders set recover_at = created_at where id = any(@ids)",
            new { ids = pending.Select(one => one.Order.Id).ToArray() });

        Assert.Equal(3, await RecoverPaymentStarts.RunAsync(app.Services, CancellationToken.None));

        var states = await Task.WhenAll(pending.Select(one => app.StatusAsync(one.Order.Id)));
        Assert.Equal(["PAYMENT_PENDING", "CREATED", "PAYMENT_PENDING", "CREATED", "CREATED"], states);
        app.Shop.PaymentState = _ => ("FAILED", "attempt-abandoned");
    }

    private PaymentCompleted Completed(OrderingApp.Placed order, Guid paymentId) =>
        new(paymentId, order.Id, order.UserId, 1_000, 1_000, 0, "KRW", app.Clock.GetUtcNow());

    private Task<IReadOnlyList<Guid>> RefundsDueAsync(Guid orderId) => app.QueryAsync<Guid>(
        "select (payload->>'refundId')::uuid from outbox where key = @orderId and type = 'OrderRefundDue.v1'",
        new { orderId });

    private static async Task<string?> SlugAsync(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("type").GetString();
}
