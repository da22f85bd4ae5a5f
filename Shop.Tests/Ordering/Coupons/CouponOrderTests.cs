using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Shop.Ordering.Coupons;
using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;
using Shop.Tests.Purchase;

namespace Shop.Tests.Ordering.Coupons;

/// <summary>A coupon in the life of an order: held with it, used or given back by its end.</summary>
public sealed class CouponOrderTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    [Fact]
    public async Task An_order_is_reduced_line_by_line_and_holds_the_coupon()
    {
        var coupon = await app.CouponAsync(CouponDesk.Amount(100));
        var user = await app.OwnerAsync(coupon);
        FakeShop.Product[] products = [app.Shop.Stock(5), app.Shop.Stock(5), app.Shop.Stock(5)];

        var placed = await app.OrderAsync(user, coupon, products, key: "k");

        Assert.Equal(HttpStatusCode.Created, placed.Status);
        Assert.Equal(
            (3_000, 100, 2_900), (placed.Number("subtotal"), placed.Number("discount"), placed.Number("total")));
        var applied = placed.Body.GetProperty("coupon");
        Assert.Equal((coupon, 100), (applied.GetProperty("id").GetGuid(), applied.GetProperty("discount").GetInt64()));
        Assert.Equal(
            [(34, 966), (33, 967), (33, 967)],
            placed.Body.GetProperty("lines").EnumerateArray()
                .Select(line => (line.GetProperty("discount").GetInt64(), line.GetProperty("amount").GetInt64())));
        Assert.False(placed.Body.TryGetProperty("couponNotApplied", out _));
        Assert.Equal(("HELD", placed.Id), await app.MineAsync(user));
        Assert.True(await app.ScalarAsync<bool>(
            "select content_hash = order_content_hash(id) from orders where id = @Id", new { placed.Id }));

        var replayed = await app.OrderAsync(user, coupon, products, key: "k", replica: 1);
        using var buyer = app.Buyer(user);
        var shown = await buyer.AskAsync($"/orders/{placed.Id}");
        Assert.True(replayed.Replayed);
        Assert.Equal(placed.Body.ToString(), replayed.Body.ToString());
        Assert.Equal(placed.Body.ToString(), shown.Body.ToString());
    }

    [Fact]
    public async Task The_users_own_coupons_id_names_it_too_and_nobody_elses()
    {
        var coupon = await app.CouponAsync();
        var user = Guid.CreateVersion7();
        var claim = await app.ClaimAsync(coupon, user);

        var stranger = await app.OrderAsync(Guid.CreateVersion7(), claim.Id, [app.Shop.Stock(1)]);
        var placed = await app.OrderAsync(user, claim.Id, [app.Shop.Stock(1)]);

        Assert.Equal((400, "coupon-unknown"), ((int)stranger.Status, stranger.Problem));
        Assert.Equal(coupon, placed.Body.GetProperty("coupon").GetProperty("id").GetGuid());
    }

    [Theory]
    [InlineData("held", "coupon-held")]
    [InlineData("used", "coupon-used")]
    [InlineData("not claimed", "coupon-not-claimed")]
    [InlineData("expired", "coupon-expired")]
    [InlineData("too small", "coupon-minimum-not-met")]
    [InlineData("other product", "coupon-not-eligible")]
    [InlineData("other category", "coupon-not-eligible")]
    [InlineData("nothing off", "coupon-worth-nothing")]
    public async Task A_required_coupon_is_a_clear_409_with_nothing_held_an_optional_one_is_left_out(
        string situation, string reason)
    {
        var (user, coupon) = await InSituationAsync(situation);
        var price = situation == "nothing off" ? 99 : 1_000;
        var product = app.Shop.Stock(10, price);

        var refused = await app.OrderAsync(user, coupon, [product], key: $"r-{situation}");
        var again = await app.OrderAsync(user, coupon, [product], key: $"r-{situation}", replica: 1);
        Assert.Equal(10, app.Shop.Left(product));
        var optional = await app.OrderAsync(user, coupon, [product], required: false);

        Assert.Equal((HttpStatusCode.Conflict, reason), (refused.Status, refused.Problem));
        Assert.Equal((HttpStatusCode.Conflict, reason), (again.Status, again.Problem));
        Assert.Equal((HttpStatusCode.Created, reason), (optional.Status, optional.Text("couponNotApplied")));
        Assert.Equal((0, price), (optional.Number("discount"), optional.Number("total")));
        Assert.False(optional.Body.TryGetProperty("coupon", out _));
        Assert.Equal(9, app.Shop.Left(product));
        Assert.Equal(0, await app.ScalarAsync<long>("""
            select count(*) from orders o join order_lines l on l.order_id = o.id
             where l.product_id = @Id and o.coupon_not_applied is null
            """, new { product.Id }));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task One_coupon_in_many_orders_at_once_is_in_one_of_them(bool required)
    {
        var coupon = await app.CouponAsync();
        var user = await app.OwnerAsync(coupon);
        var product = app.Shop.Stock(100);

        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(i =>
            app.OrderAsync(user, coupon, [product], required, key: $"{required}-{i}", replica: i % 2)));

        var winner = Assert.Single(answers, answer =>
            answer.Status == HttpStatusCode.Created && answer.Body.TryGetProperty("coupon", out _));
        Assert.All(answers.Where(answer => answer != winner), answer => Assert.Equal(
            required ? (HttpStatusCode.Conflict, "coupon-held") : (HttpStatusCode.Created, "coupon-held"),
            (answer.Status, required ? answer.Problem : answer.Text("couponNotApplied"))));
        Assert.Equal(required ? 99 : 84, app.Shop.Left(product));
        Assert.Equal(("HELD", winner.Id), await app.MineAsync(user));
        Assert.Equal(required ? 700 : 15_700, await app.ScalarAsync<long>(
            "select sum(total_minor)::bigint from orders where user_id = @user and status = 'CREATED'", new { user }));
    }

    [Fact]
    public async Task An_order_that_is_not_stored_does_not_use_up_the_coupon_of_the_next_in_its_batch()
    {
        var store = app.Services.GetRequiredService<StoreOrders>();
        var coupon = await app.CouponAsync();
        var user = await app.OwnerAsync(coupon);
        var claim = await app.ScalarAsync<Guid>("select id from user_coupons where user_id = @user", new { user });
        var (gone, next) = (Reduced(), Reduced());
        using var inside = app.Inside();
        using var tombstone = await inside.PostAsJsonAsync(
            "/internal/orders/hold-verdicts", new { orderIds = new[] { gone.Id } });

        // The first ones keep the flusher busy, so that the rest is one batch.
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => Plain()).Append(gone).Append(next)
                .Select(order => store.RunAsync(order, default)));

        Assert.Null(answers[^2].At);
        Assert.NotNull(answers[^1].At);
        Assert.Null(answers[^1].CouponRefusal);
        Assert.Equal(("HELD", next.Id), await app.MineAsync(user));

        NewOrder Plain() => NewOrders.Of(user, unitPrice: 1000, quantity: 1) with { CouponRequired = true };

        NewOrder Reduced() => Plain().WithCoupon(new(claim, coupon, "ANY"), [300]);
    }

    [Fact]
    public async Task Cancelling_gives_it_back_once_and_it_is_good_for_the_next_order()
    {
        var coupon = await app.CouponAsync();
        var user = await app.OwnerAsync(coupon);
        var first = await app.OrderAsync(user, coupon, [app.Shop.Stock(1)]);

        await app.CancelAsync(user, first.Id);
        Assert.Equal(("ISSUED", null), await app.MineAsync(user));
        var second = await app.OrderAsync(user, coupon, [app.Shop.Stock(1)]);
        await app.CancelAsync(user, first.Id);

        Assert.Equal(("HELD", second.Id), await app.MineAsync(user));
        Assert.Equal(4, await VersionAsync(user));
    }

    [Fact]
    public async Task Expiry_gives_it_back_or_ends_it_with_its_own_time()
    {
        var (lasting, ending) = (
            await app.CouponAsync(), await app.CouponAsync(validUntil: app.Clock.GetUtcNow().AddMinutes(2)));
        var (a, b) = (await app.OwnerAsync(lasting), await app.OwnerAsync(ending));
        var orders = new[]
        {
            await app.OrderAsync(a, lasting, [app.Shop.Stock(1)]), await app.OrderAsync(b, ending, [app.Shop.Stock(1)]),
        };

        app.Clock.Advance(TimeSpan.FromMinutes(5));
        await ExpireCoupons.RunAsync(app.Services, CancellationToken.None);
        Assert.Equal(("HELD", orders[1].Id), await app.MineAsync(b));
        app.Clock.Advance(TimeSpan.FromMinutes(20));
        // One batch: all that this class ever placed fits into it.
        await ExpireOrders.RunAsync(app.Services, CancellationToken.None);

        foreach (var order in orders) Assert.Equal("EXPIRED", await app.StatusAsync(order.Id));
        Assert.Equal(("ISSUED", null), await app.MineAsync(a));
        Assert.Equal(("EXPIRED", null), await app.MineAsync(b));
        Assert.Equal((3, 3), (await VersionAsync(a), await VersionAsync(b)));
    }

    [Fact]
    public async Task Paying_uses_it_once_and_a_full_refund_returns_it_by_rule()
    {
        var coupon = await app.CouponAsync();
        var (user, order, paymentId) = await PendingAsync(coupon);
        var completed = new PaymentCompleted(paymentId, order, user, 700, 700, 0, "KRW", app.Clock.GetUtcNow());

        Assert.Equal(Verdict.Applied, await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, completed));
        Assert.Equal(
            Verdict.AlreadyApplied, await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, completed));
        Assert.Equal(("USED", order), await app.MineAsync(user));
        Assert.Equal(
            ["OrderCreated.v1", "OrderPaid.v1", "CouponUsed.v1", "ShipmentRequested.v1"], await app.EventsAsync(order));

        await RefundAsync(order, paymentId, amount: 100, whole: false);
        Assert.Equal(("USED", order), await app.MineAsync(user));
        await RefundAsync(order, paymentId, amount: 600, whole: true);
        Assert.Equal(("ISSUED", null), await app.MineAsync(user));
        await RefundAsync(order, paymentId, amount: 600, whole: true);
        Assert.Equal(4, await VersionAsync(user));
        var next = await app.OrderAsync(user, coupon, [app.Shop.Stock(1)]);
        Assert.Equal(HttpStatusCode.Created, next.Status);
    }

    [Fact]
    public async Task A_full_refund_leaves_it_used_where_the_rule_says_so()
    {
        var (user, order, paymentId) = await PendingAsync(await app.CouponAsync());
        await app.HandleAsync<PaymentCompleted>(
            OnPaymentCompleted.Handle,
            new PaymentCompleted(paymentId, order, user, 700, 700, 0, "KRW", app.Clock.GetUtcNow()));
        var keep = new CouponOptions { ReturnAfterFullRefund = false };

        await app.Db.TransactAsync(
            async tx => await SettleCoupons.ReturnAsync(tx, (await OrderRows.LockAsync(tx, order))!, keep),
            CancellationToken.None);

        Assert.Equal(("USED", order), await app.MineAsync(user));
    }

    [Fact]
    public async Task A_declined_payment_keeps_it_held_while_the_order_may_be_paid_again()
    {
        var (user, order, paymentId) = await PendingAsync(await app.CouponAsync());

        await app.HandleAsync<PaymentFailed>(
            OnPaymentFailed.Handle, new PaymentFailed(paymentId, order, user, "declined", app.Clock.GetUtcNow()));

        Assert.Equal("CREATED", await app.StatusAsync(order));
        Assert.Equal(("HELD", order), await app.MineAsync(user));
    }

    [Theory]
    [InlineData(true, 201, "USED")]
    [InlineData(false, 402, "ISSUED")]
    public async Task One_call_uses_it_or_gives_it_back(bool captured, int status, string coupons)
    {
        var coupon = await app.CouponAsync();
        var user = await app.OwnerAsync(coupon);
        app.Shop.PaymentState = _ => ("FAILED", "card-declined");
        app.Shop.OnPayment = async payment =>
        {
            if (!captured) return FakeShop.Declined();
            await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, new PaymentCompleted(
                payment.PaymentId, payment.OrderId, user, payment.Amount, payment.Amount, 0, "KRW",
                app.Clock.GetUtcNow()));
            return FakeShop.Accepted(payment);
        };

        var answer = await app.OrderAsync(user, coupon, [app.Shop.Stock(1)], key: "k", card: "tok_ok");
        var replayed = await app.OrderAsync(user, coupon, [app.Shop.Stock(1)], key: "other", card: "tok_ok");
        (app.Shop.OnPayment, app.Shop.PaymentState) = (null, _ => ("FAILED", "attempt-abandoned"));

        Assert.Equal(status, (int)answer.Status);
        Assert.Equal(700, app.Shop.Payments.Last(payment => payment.UserId == user).Amount);
        Assert.Equal(coupons, (await app.MineAsync(user)).Status);
        Assert.Equal(captured ? "coupon-used" : "payment-declined", replayed.Problem);
        if (!captured) return;
        var applied = answer.Body.GetProperty("coupon").GetProperty("discount").GetInt64();
        Assert.Equal((700, 300), (answer.Number("total"), applied));
    }

    private async Task<(Guid User, Guid Coupon)> InSituationAsync(string situation)
    {
        var discount = situation == "nothing off" ? new { type = "PERCENT", percent = 1 } : CouponDesk.Amount(300);
        var coupon = await app.CouponAsync(
            discount,
            minimumOrder: situation == "too small" ? 1_001 : null,
            products: situation == "other product" ? [Guid.CreateVersion7()] : null,
            categories: situation == "other category" ? ["somewhere else"] : null,
            validUntil: situation == "expired" ? app.Clock.GetUtcNow().AddMinutes(1) : null);
        var user = situation == "not claimed" ? Guid.CreateVersion7() : await app.OwnerAsync(coupon);
        switch (situation)
        {
            case "expired":
                app.Clock.Advance(TimeSpan.FromMinutes(2));
                break;
            case "held" or "used":
                var other = await app.OrderAsync(user, coupon, [app.Shop.Stock(1)], required: true);
                if (situation == "held") break;
                await PayAsync(user, other.Id);
                break;
            default:
                break;
        }

        return (user, coupon);
    }

    private async Task PayAsync(Guid user, Guid order)
    {
        var paymentId = Guid.CreateVersion7();
        await app.AttemptAsync(new(order, user), paymentId);
        await app.HandleAsync<PaymentCompleted>(
            OnPaymentCompleted.Handle,
            new PaymentCompleted(paymentId, order, user, 700, 700, 0, "KRW", app.Clock.GetUtcNow()));
    }

    /// <summary>An order of 1,000 less 300 that is PAYMENT_PENDING.</summary>
    private async Task<(Guid User, Guid Order, Guid PaymentId)> PendingAsync(Guid coupon)
    {
        var user = await app.OwnerAsync(coupon);
        var placed = await app.OrderAsync(user, coupon, [app.Shop.Stock(1)]);
        var paymentId = Guid.CreateVersion7();
        Assert.Equal(200, (int)(await app.AttemptAsync(new(placed.Id, user), paymentId)).StatusCode);
        return (user, placed.Id, paymentId);
    }

    private Task<Verdict> RefundAsync(Guid order, Guid paymentId, long amount, bool whole) =>
        app.HandleAsync<RefundCompleted>(OnRefundCompleted.Handle, new RefundCompleted(
            Guid.CreateVersion7(), paymentId, order, amount, whole, Restock: false, [], app.Clock.GetUtcNow()));

    private Task<long> VersionAsync(Guid user) =>
        app.ScalarAsync<long>("select version from user_coupons where user_id = @user", new { user });
}
