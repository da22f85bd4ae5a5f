using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Catalog.Stock;

/// <summary>The units of an order that was not paid in time go back.</summary>
internal static class OnOrderExpired
{
    public static Task<Verdict> Handle(OrderExpired expired, HandlerContext<CatalogDb> context) =>
        OnOrderCancelled.GiveBackAsync(expired.OrderId, HoldCommand.Expire, context);
}
