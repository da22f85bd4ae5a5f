using Shop.Catalog.Popularity;
using Shop.Catalog.Products;
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
            .On<OrderPaid>(Stock.OnOrderPaid.Handle)
            .On<OrderCancelled>(OnOrderCancelled.Handle)
            .On<OrderExpired>(OnOrderExpired.Handle));
        builder.AddSubscriptions<CatalogDb>("catalog-refunds", refunds => refunds
            .On<RefundCompleted>(Stock.OnRefundCompleted.Handle));
        builder.AddSubscriptions<CatalogDb>("catalog-cache", products => products
            .On<ProductCreated>(OnProductChanged.Created)
            .On<ProductUpdated>(OnProductChanged.Updated));

        builder.AddProofRules<CatalogDb>([.. StockRules.All, .. PopularityRules.All]);
        builder.AddRecoveryKind<CatalogDb>(ExpireReservations.Kind, ExpireReservations.WaitingSql);
        builder.AddSchedule(
            "expire-reservations", TimeSpan.FromSeconds(options.SweepSeconds),
            (services, ct) => ExpireReservations.Handle(
                services.GetRequiredService<Database<CatalogDb>>(),
                services.GetRequiredService<OrderingClient>(),
                options,
                ct));
        builder.AddPopularity();
    }

    /// <summary>Side work, in a consumer group of its own: however it fails, no order notices.</summary>
    private static void AddPopularity(this IHostApplicationBuilder builder)
    {
        var options = PopularityOptions.From(builder.Configuration);
        builder.Services.AddSingleton(options);
        builder.AddProductCache();
        builder.AddServiceClient<PurchasesClient>("ordering");
        builder.AddSubscriptions<CatalogDb>("catalog-popularity", purchases => purchases
            .On<OrderPaid>(Popularity.OnOrderPaid.Handle)
            .On<RefundCompleted>(Popularity.OnRefundCompleted.Handle));

        builder.AddSchedule(
            "count-orders", TimeSpan.FromSeconds(options.CountSeconds),
            (services, ct) => CountOrders.Handle(
                services.GetRequiredService<Database<CatalogDb>>(),
                services.GetRequiredService<PurchasesClient>(),
                options,
                ct));
        builder.AddSchedule(
            "rebuild-popularity", TimeSpan.FromHours(options.RebuildHours),
            async (services, ct) =>
            {
                await RebuildPopularity.Handle(services.GetRequiredService<Database<CatalogDb>>(), options, ct);
                return 0;
            });
    }
}
