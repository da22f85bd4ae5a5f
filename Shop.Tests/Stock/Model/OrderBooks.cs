using Shop.Tests.Fixtures;

namespace Shop.Tests.Stock.Model;

/// <summary>
/// What the four databases say about one order. Lists are one word each, in the order in which they happened.
/// </summary>
/// <param name="States">Each of its transitions.</param>
/// <param name="Attempts">What Ordering knows of its payments.</param>
/// <param name="RefundAttempts">What Ordering knows of its refunds.</param>
/// <param name="Captures">From here on the processor's: how often, and how much.</param>
/// <param name="Hold">From here on Catalog's. HELD, COMMITTED, or ENDED: whoever gave it back, event or sweep.</param>
internal sealed record OrderBooks(
    string State, string States, bool CancelRequested, long Units, long Total, string Attempts, string Shipments,
    string RefundAttempts,
    string Payments, string Refunds, long RefundedAmount, long UnitsToRestock,
    long Captures, long Captured, long Returns, long Returned,
    string Hold, long GivenBack, long Sold, long Restocked)
{
    private const string OrderSql = """
        select array[
            o.status,
            (select string_agg(status, ' ' order by version) from order_transitions where order_id = o.id),
            o.cancel_requested::text,
            (select sum(quantity)::text from order_lines where order_id = o.id),
            o.total_minor::text,
            (select string_agg(status, ' ' order by started_at) from payment_attempts where order_id = o.id),
            (select string_agg(status, ' ') from shipments where order_id = o.id),
            (select string_agg(status, ' ' order by started_at) from refund_attempts where order_id = o.id)]
          from orders o
         where o.id = $1
        """;

    private const string PaymentsSql = """
        select array[
            (select string_agg(status, ' ' order by created_at) from payments where order_id = $1),
            (select string_agg(r.status, ' ' order by r.created_at)
               from refunds r join payments p on p.id = r.payment_id where p.order_id = $1),
            (select coalesce(sum(card_refunded), 0)::text from payments where order_id = $1),
            (select coalesce(sum(l.quantity), 0)::text
               from refund_lines l join refunds r on r.id = l.refund_id join payments p on p.id = r.payment_id
              where p.order_id = $1 and r.restock and r.status = 'COMPLETED')]
        """;

    private const string KeysSql =
        "select coalesce(array_agg(id::text), '{}') from payments where order_id = $1";

    private const string ProcessorSql = """
        select array[
            (select count(*) from captures where charge_key = any($1)),
            (select coalesce(sum(amount_minor), 0) from captures where charge_key = any($1)),
            (select count(*) from refunds where charge_key = any($1) and status = 'REFUNDED'),
            (select coalesce(sum(amount_minor), 0)
               from refunds where charge_key = any($1) and status = 'REFUNDED')]::bigint[]
        """;

    private const string HoldSql = """
        select coalesce((
            select case when status in ('RELEASED', 'EXPIRED') then 'ENDED' else status end
              from reservations where order_id = $1), 'none')
        """;

    private const string UnitsSql = """
        select array[
            (select coalesce(sum(given_back), 0) from reservation_lines where order_id = $1),
            (select coalesce(-sum(quantity), 0) from stock_movements where order_id = $1 and kind = 'SOLD'),
            (select coalesce(sum(quantity), 0) from stock_movements where order_id = $1 and kind = 'RESTOCKED')
            ]::bigint[]
        """;

    public bool WasPaid => State is "PAID" or "PARTIALLY_REFUNDED" or "REFUNDED";

    public static async Task<OrderBooks> ReadAsync(ShopApp shop, Guid order)
    {
        var ordering = await shop.ScalarAsync<string?[]>("orderingdb", OrderSql, order);
        var payments = await shop.ScalarAsync<string?[]>("paymentsdb", PaymentsSql, order);
        var keys = await shop.ScalarAsync<string[]>("paymentsdb", KeysSql, order);
        var processor = await shop.ScalarAsync<long[]>("sandboxdb", ProcessorSql, [keys]);
        var hold = await shop.ScalarAsync<string>("catalogdb", HoldSql, order);
        var units = await shop.ScalarAsync<long[]>("catalogdb", UnitsSql, order);
        return new(
            ordering[0]!, ordering[1] ?? "", ordering[2] == "true", Number(ordering[3]), Number(ordering[4]),
            ordering[5] ?? "", ordering[6] ?? "", ordering[7] ?? "",
            payments[0] ?? "", payments[1] ?? "", Number(payments[2]), Number(payments[3]),
            processor[0], processor[1], processor[2], processor[3], hold, units[0], units[1], units[2]);
    }

    private static long Number(string? text) => long.Parse(text!, System.Globalization.CultureInfo.InvariantCulture);
}
