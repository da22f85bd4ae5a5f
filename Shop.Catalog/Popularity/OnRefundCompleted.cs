using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Catalog.Popularity;

/// <summary>
/// Takes refunded units and money back out of the day that the order was paid on. A refund that overtakes its order
/// leaves its facts for the moment that the order is counted.
/// </summary>
internal static class OnRefundCompleted
{
    private const string OrderSql =
        "insert into popularity_orders (order_id) values (@OrderId) on conflict do nothing";

    public static async Task<Verdict> Handle(RefundCompleted refund, HandlerContext<CatalogDb> context)
    {
        // Without an order it is money that no order ever took.
        if (refund.OrderId is not { } orderId) return Verdict.AlreadyApplied;

        Fact[] facts =
        [
            .. from line in refund.Lines
               group line by line.ProductId into product
               let quantity = product.Sum(line => line.Quantity)
               let amount = product.Sum(line => line.Amount)
               where quantity != 0 || amount != 0
               select new Fact(orderId, product.Key, refund.RefundId, -quantity, -amount),
        ];
        if (facts.Length == 0) return Verdict.AlreadyApplied;

        var options = context.Services.GetRequiredService<PopularityOptions>();
        await context.Transaction.ExecuteAsync(OrderSql, new { OrderId = orderId });
        var added = await RecordFacts.InAsync(context.Transaction, facts, [], options.TimeZone);
        return added > 0 ? Verdict.Applied : Verdict.AlreadyApplied;
    }
}
