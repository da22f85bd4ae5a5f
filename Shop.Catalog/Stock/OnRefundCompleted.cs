using Npgsql;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Catalog.Stock;

/// <summary>
/// Brings refunded units back: once per (refund, product), never more than the order took. Sold units are restocked;
/// units still held, because OrderPaid was slower, are released and will not be sold by it.
/// </summary>
internal static class OnRefundCompleted
{
    private const string LockStockSql = """
        select product_id from stock where product_id = any($1) order by product_id for no key update
        """;

    private const string LockHoldSql = "select status from reservations where order_id = $1 for no key update";

    // The cap and the "once" are decided by the rows themselves: what a line has left, and the restock's primary key.
    private const string RestockSql = """
        with wanted as (
            select w.product_id, least(w.quantity, l.quantity - l.given_back) as quantity
              from (select product_id, sum(quantity) as quantity
                      from unnest(@Products, @Quantities) as u (product_id, quantity) group by product_id) w
              join reservation_lines l on l.order_id = @OrderId and l.product_id = w.product_id),
        fresh as (
            insert into restocks (refund_id, product_id, order_id, quantity, occurred_at)
            select @RefundId, product_id, @OrderId, quantity, @Now from wanted
                on conflict do nothing
            returning product_id, quantity),
        line as (
            update reservation_lines l
               set given_back = l.given_back + fresh.quantity
              from fresh
             where l.order_id = @OrderId and l.product_id = fresh.product_id),
        level as (
            update stock s
               set on_hand = s.on_hand + case when @Status = 'COMMITTED' then fresh.quantity else 0 end,
                   reserved = s.reserved - case when @Status = 'HELD' then fresh.quantity else 0 end
              from fresh
             where s.product_id = fresh.product_id and @Status in ('HELD', 'COMMITTED')),
        movement as (
            insert into stock_movements (product_id, kind, quantity, order_id, refund_id, occurred_at)
            select product_id, 'RESTOCKED', quantity, @OrderId, @RefundId, @Now
              from fresh
             where @Status = 'COMMITTED' and quantity > 0)
        select product_id, quantity from fresh order by product_id
        """;

    private const string VersionSql =
        "update reservations set version = version + 1 where order_id = @OrderId returning version";

    public static async Task<Verdict> Handle(RefundCompleted refund, HandlerContext<CatalogDb> context)
    {
        if (refund.OrderId is not { } orderId || !refund.Restock || refund.Lines.Length == 0)
        {
            return Verdict.AlreadyApplied; // Money alone: no unit comes back.
        }

        var tx = context.Transaction;
        var products = refund.Lines.Select(line => line.ProductId).ToArray();
        var status = await LockAsync(tx.Connection, orderId, products, context.CancellationToken);
        if (status is null) return Verdict.NotYet;

        var back = await tx.QueryAsync<Fresh>(RestockSql, new
        {
            refund.RefundId,
            OrderId = orderId,
            Products = products,
            Quantities = refund.Lines.Select(line => line.Quantity).ToArray(),
            Status = status,
            tx.Now,
        });
        if (back.Count == 0) return Verdict.AlreadyApplied;

        StockLine[] released = [.. back.Where(b => b.Quantity > 0).Select(b => new StockLine(b.ProductId, b.Quantity))];
        if (status == HoldStatus.Held.ToText() && released.Length > 0)
        {
            var version = await tx.QuerySingleOrDefaultAsync<long>(VersionSql, new { OrderId = orderId });
            tx.Publish(new StockReleased(orderId, released, tx.Now), version);
        }

        return Verdict.Applied;
    }

    // Stock by product id, then the reservation: the order in which everything here locks.
    private static async Task<string?> LockAsync(
        NpgsqlConnection connection, Guid orderId, Guid[] products, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(LockStockSql) { Parameters = { Sql.Array(products) } },
                new(LockHoldSql) { Parameters = { Sql.Value(orderId) } },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(ct);
        await reader.NextResultAsync(ct);
        return await reader.ReadAsync(ct) ? reader.GetString(0) : null;
    }

    private sealed record Fresh(Guid ProductId, int Quantity);
}
