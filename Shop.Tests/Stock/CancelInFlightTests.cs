using System.Net;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Stock;

/// <summary>Race 4: an order is cancelled while its payment is on its way. What the processor did decides.</summary>
[Collection(StockShopCollection.Name)]
public sealed class CancelInFlightTests(StockShop shop)
{
    private const int Crowd = 30;
    private const long Units = 1_000;
    private const long Amount = 1_400;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private const string EndedSql =
        "select count(*) from orders where id = any($1) and status in ('CANCELLED', 'REFUNDED')";

    private const string EndedOnceSql = """
        select count(*) from (
            select from order_transitions
             where order_id = any($1) and status in ('CANCELLED', 'EXPIRED', 'REFUNDED', 'COMPLETED')
             group by order_id having count(*) = 1) as ended_once
        """;

    private const string RefundedSql = """
        select coalesce(array_agg(payment_id::text order by payment_id), '{}') from orders
         where id = any($1) and status = 'REFUNDED'
        """;

    private const string VoidedSql = "select count(*) from charges where key = any($1) and status = 'VOIDED'";

    private const string CapturedSql = """
        select coalesce(array_agg(charge_key order by charge_key::uuid), '{}') from captures
         where charge_key = any($1) and amount_minor = $2
        """;

    private const string GivenBackSql = """
        select coalesce(array_agg(charge_key order by charge_key::uuid), '{}') from refunds
         where charge_key = any($1) and status = 'REFUNDED' and amount_minor = $2
        """;

    private const string MoneySql = """
        select count(*) from payments
         where id = any($1)
           and (status = 'COMPLETED' and card_captured = $2 and card_refunded = $2
                or status = 'FAILED' and card_captured = 0 and card_refunded = 0)
        """;

    private enum Moment
    {
        /// <summary>The processor does not answer and has taken nothing: only its void can end the payment.</summary>
        BeforeTheCapture,

        /// <summary>Around the moment in which the processor decides.</summary>
        AroundTheCapture,

        /// <summary>As soon as the payment is accepted: it may not be started yet, be on its way, or be done.</summary>
        AtOnce,
    }

    [Fact]
    public async Task Each_order_ends_once_no_money_is_kept_and_all_stock_is_back()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(Units, unitPrice: Amount / 2);
        var buyers = await shop.NewBuyersAsync(Crowd);

        var tries = await Task.WhenAll(buyers.Select((buyer, i) => PayAndCancelAsync(buyer, product, i)));

        var orders = Array.ConvertAll(tries, one => one.Order);
        await Eventually.GetAsync(
            () => shop.ScalarAsync<long>("orderingdb", EndedSql, orders), ended => ended == Crowd, Patience,
            "all orders have ended");
        Assert.Equal(Crowd, await shop.ScalarAsync<long>("orderingdb", EndedOnceSql, orders));
        var refunded = await shop.ScalarAsync<string[]>("orderingdb", RefundedSql, orders);
        var keys = Array.ConvertAll(tries, one => one.Payment.ToString());
        var unanswered = tries.Where(one => one.Moment == Moment.BeforeTheCapture)
            .Select(one => one.Payment.ToString()).ToArray();
        Assert.Empty(refunded.Intersect(unanswered));
        Assert.Equal(unanswered.Length, await shop.ScalarAsync<long>("sandboxdb", VoidedSql, (object)unanswered));

        // Exactly the refunded orders were captured, and each was given back once and whole.
        Assert.Equal(refunded, await shop.ScalarAsync<string[]>("sandboxdb", CapturedSql, keys, Amount));
        Assert.Equal(refunded, await shop.ScalarAsync<string[]>("sandboxdb", GivenBackSql, keys, Amount));
        Assert.Equal(Crowd, await shop.ScalarAsync<long>(
            "paymentsdb", MoneySql, Array.ConvertAll(tries, one => one.Payment), Amount));
        // A refund may meet a hold that is not sold yet, so how many were sold and came back is open; the sum is not.
        await Eventually.GetAsync(
            () => shop.ShelfAsync(product),
            shelf => shelf is { OnHand: Units, Reserved: 0, Held: 0 } && shelf.Sold == shelf.Restocked, Patience,
            $"all of {product} is back");
    }

    private async Task<Try> PayAndCancelAsync(ShopUser buyer, Guid product, int number)
    {
        var moment = (Moment)(number % 3);
        var card = moment switch
        {
            Moment.BeforeTheCapture => "tok_timeout_lost",
            Moment.AroundTheCapture => "tok_slow",
            _ => "tok_ok",
        };
        var (ordering, payments) = (buyer.Ordering, buyer.Payments);
        var placed = await ordering.PostAsync("/orders", Shelves.OrderOf(card: null, (product, 2)), NewKey());
        Assert.Equal(HttpStatusCode.Created, placed.Status);
        var paid = await payments.PostAsync(
            "/payments", new { orderId = placed.Id, method = "CARD", cardToken = card }, NewKey());
        Assert.Equal(HttpStatusCode.Accepted, paid.Status);
        var payment = paid.Body.GetProperty("paymentId").GetGuid();

        if (moment == Moment.BeforeTheCapture) await IsProcessingAsync(payment);
        if (moment == Moment.AroundTheCapture) await AimAtTheCaptureAsync(payment, number);
        var cancelled = await ordering.PostAsync($"/orders/{placed.Id}/cancel", new { reason = "changed my mind" });
        Assert.True(cancelled.Status == HttpStatusCode.Accepted, cancelled.ToString());
        return new(placed.Id, payment, moment);
    }

    private Task IsProcessingAsync(Guid payment) => Eventually.GetAsync(
        () => shop.ScalarAsync<string>("paymentsdb", "select status from payments where id = $1", payment),
        status => status == "PROCESSING", Patience, $"{payment} is on its way");

    // From 0.5 s before it to 0.4 s after it, spread evenly: this aims at the race, it does not wait for it.
    private async Task AimAtTheCaptureAsync(Guid payment, int number)
    {
        const string sql = """
            select coalesce((select extract(epoch from created_at + interval '5 s' - now()) * 1000
                               from charges where key = $1), -1)::bigint
            """;
        var left = await Eventually.GetAsync(
            () => shop.ScalarAsync<long>("sandboxdb", sql, payment.ToString()), left => left != -1, Patience,
            $"{payment} is at the processor");
        var pause = left - 500 + (number / 3 * 100);
        if (pause > 0) await Task.Delay(TimeSpan.FromMilliseconds(pause));
    }

    private sealed record Try(Guid Order, Guid Payment, Moment Moment);
}
