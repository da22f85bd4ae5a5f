using Shop.Payments.Orders;
using Shop.Payments.Payments;
using Shop.ServiceDefaults.Idempotency;

namespace Shop.Tests.Payments;

/// <summary>What payments and refunds move in the ledger, to the unit.</summary>
public sealed class LedgerPostingTests(PaymentsApp app) : IClassFixture<PaymentsApp>
{
    private static readonly Guid First = new("00000000-0000-0000-0000-00000000000a");
    private static readonly Guid Second = new("00000000-0000-0000-0000-00000000000b");

    [Fact]
    public async Task A_capture_is_the_sellers_less_the_fee_of_each_line_rounded_down()
    {
        // 3 % of 333, 99 and 1,010: 9.99, 2.97 and 30.3.
        var purchase = Purchase.Of(app, Line(First, 333), Line(First, 99), Line(Second, 1_010));
        var id = await purchase.PaidAsync();

        Assert.Equal($"""
            CAPTURE KRW card-clearing 1442
            CAPTURE KRW fees -41
            CAPTURE KRW sales:{First} -421
            CAPTURE KRW sales:{Second} -980
            """, await app.LedgerOfAsync(id));
    }

    [Fact]
    public async Task A_seller_with_a_rate_of_its_own_pays_that_and_a_payment_keeps_the_rate_of_its_moment()
    {
        var seller = Guid.CreateVersion7();
        await app.ExecuteAsync("insert into seller_fees values (@seller, 1000)", new { seller });
        var id = (await Purchase.Of(app, Line(seller, 1_000)).PayAsync()).PaymentId;
        await app.ExecuteAsync("update seller_fees set basis_points = 5000 where seller_id = @seller", new { seller });
        await app.DeliverAsync();

        Assert.Equal($"""
            CAPTURE KRW card-clearing 1000
            CAPTURE KRW fees -100
            CAPTURE KRW sales:{seller} -900
            """, await app.LedgerOfAsync(id));
    }

    [Fact]
    public async Task Refunds_give_back_what_the_capture_took_and_in_the_end_exactly_all_of_it()
    {
        // 3 % of 1,000 is 30: of 333 paid back 9.99, of 666 19.98, of 1,000 30.
        var line = Line(First, 1_000) with { Quantity = 3, Discount = 100 };
        var purchase = Purchase.Of(app, line);
        var id = await purchase.PaidAsync();

        var refunds = new List<Guid>
        {
            await app.RefundUnitsAsync(purchase, id, line.ProductId, 1),
            await app.RefundUnitsAsync(purchase, id, line.ProductId, 1),
            await app.RefundRestAsync(purchase, id),
        };

        Assert.Equal(Refund(333, 9), await app.LedgerOfAsync(refunds[0]));
        Assert.Equal(Refund(333, 10), await app.LedgerOfAsync(refunds[1]));
        Assert.Equal(Refund(334, 11), await app.LedgerOfAsync(refunds[2]));
        Assert.Equal("33 33 34", await app.ScalarAsync<string>("""
            select string_agg(discount::text, ' ' order by array_position(@refunds, refund_id))
              from refund_shares where refund_id = any (@refunds)
            """, new { refunds = refunds.ToArray() }));
        Assert.Equal(0, await app.ScalarAsync<long>("""
            select sum(abs(balance)) from (
                select sum(amount) as balance
                  from ledger_entries e join ledger_transactions t on t.id = e.transaction_id
                 where t.source_id = any (@sources)
                 group by account) as balances
            """, new { sources = refunds.Append(id).ToArray() }));
    }

    [Fact]
    public async Task A_late_capture_is_owed_back_and_its_refund_settles_that()
    {
        var purchase = new Purchase(app);
        var id = await purchase.PaidAsync("tok_refused");
        Assert.Equal("", await app.LedgerOfAsync(id));

        await app.CaptureLateAsync(id, 1_000);
        await app.DeliverAsync();

        Assert.Equal(
            "LATE_CAPTURE KRW card-clearing 1000\nLATE_CAPTURE KRW refunds -1000", await app.LedgerOfAsync(id));
        Assert.Equal(
            "LATE_REFUND KRW card-clearing -1000\nLATE_REFUND KRW refunds 1000",
            await app.LedgerOfAsync(DerivedId.From(id, "LATE_CAPTURE")));
    }

    [Fact]
    public async Task Said_again_by_webhook_and_worker_a_capture_posts_once()
    {
        var id = await new Purchase(app).PaidAsync();

        var verdict = await SettlePayment.CapturedAsync(app.Database, id, 1_000, "webhook", CancellationToken.None);

        Assert.Equal(PaymentVerdict.AlreadyApplied, verdict);
        Assert.Equal(1, await app.ScalarAsync<int>(
            "select count(*) from ledger_transactions where source_id = @id", new { id }));
    }

    private static string Refund(long amount, long fee) => $"""
        REFUND KRW card-clearing -{amount}
        REFUND KRW fees {fee}
        REFUND KRW sales:{First} {amount - fee}
        """;

    private static OrderedLine Line(Guid seller, long amount) =>
        new(Guid.CreateVersion7(), seller, "books", 1, amount);
}
