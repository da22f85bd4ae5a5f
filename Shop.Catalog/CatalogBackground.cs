using Shop.Catalog.Proof;
using Shop.Catalog.Stock;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Proof;
using Shop.ServiceDefaults.Recovery;
using Shop.ServiceDefaults.Scheduling;

namespace Shop.Catalog;

public static class CatalogBackground
{
    /// <summary>The background half of Catalog, hosted by the workers.</summary>
    public static void AddCatalogBackground(this IHostApplicationBuilder builder)
    {
        var options = builder.Configuration.GetSection(StockOptions.Section).Get<StockOptions>() ?? new();
        builder.Services.AddSingleton(options);
        builder.AddDatabase<CatalogDb>("catalogdb");
        builder.AddServiceClient<OrderingClient>("ordering");

        builder.AddSubscriptions<CatalogDb>("catalog-orders", orders => orders
            .On<OrderPaid>(OnOrderPaid.Handle)
            .On<OrderCancelled>(OnOrderCancelled.Handle)
            .On<OrderExpired>(OnOrderExpired.Handle));
        builder.AddSubscriptions<CatalogDb>("catalog-refunds", refunds => refunds
            .On<RefundCompleted>(OnRefundCompleted.Handle));

        builder.AddProofRules<CatalogDb>(StockRules.All);
        builder.AddRecoveryKind<CatalogDb>(ExpireReservations.Kind, ExpireReservations.WaitingSql);
        builder.AddSchedule(
            "expire-reservations", TimeSpan.FromSeconds(options.SweepSeconds),
            (services, ct) => ExpireReservations.Handle(
                services.GetRequiredService<Database<CatalogDb>>(),
                services.GetRequiredService<OrderingClient>(),
                options,
                ct));
    }
}
