using Shop.Ordering.Orders;
using Shop.Ordering.Shipments;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering;

/// <summary>The HTTP half of Ordering: its services and its one route table.</summary>
internal static class OrderingEndpoints
{
    public static void MapOrdering(this IEndpointRouteBuilder routes)
    {
        var orders = routes.MapGroup("/orders").WithTags("Orders").RequireAuthorization(Policies.SignedIn);
        orders.MapPost("/", PlaceOrder.Handle).WithName("PlaceOrder");
        orders.MapGet("/me", ListMyOrders.Handle).WithName("ListMyOrders");
        orders.MapGet("/{id:guid}", ShowOrder.Handle).WithName("ShowOrder");
        orders.MapGet("/{id:guid}/timeline", ShowTimeline.Handle).WithName("ShowTimeline");
        orders.MapPost("/{id:guid}/cancel", CancelOrder.Handle).WithName("CancelOrder");

        var shipments = routes.MapGroup("/orders/{id:guid}/shipments/{shipmentId:guid}")
            .WithTags("Shipments").RequireAuthorization(Policies.SellerOrAdmin);
        shipments.MapPost("/ship", MoveShipment.Ship).WithName("Ship");
        shipments.MapPost("/deliver", MoveShipment.Deliver).WithName("Deliver");

        var services = routes.MapGroup("/internal/orders")
            .WithTags("Internal").RequireAuthorization(Policies.OrderingInternal);
        services.MapGet("/{id:guid}", ShowOrderInternally.Handle).WithName("ShowOrderInternally");
        services.MapPost("/{id:guid}/payment-attempts", StartPaymentAttempt.Handle).WithName("StartPaymentAttempt");
        services.MapPost("/hold-verdicts", HoldVerdicts.Handle).WithName("HoldVerdicts");
    }

    public static void AddOrdering(this IHostApplicationBuilder builder)
    {
        builder.AddDatabase<OrderingDb>("orderingdb");
        builder.AddOrderingOptions();
        builder.AddServiceClient<CatalogClient>("catalog");
        builder.AddServiceClient<PaymentsClient>("payments");

        builder.Services.AddSingleton<FindPlaced>();
        builder.Services.AddHostedService(services => services.GetRequiredService<FindPlaced>().Shared);
        builder.Services.AddSingleton<ReserveStock>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ReserveStock>().Shared);
        builder.Services.AddSingleton<StoreOrders>();
        builder.Services.AddHostedService(services => services.GetRequiredService<StoreOrders>().Shared);
        builder.Services.AddSingleton<OrderWatchService>();
        builder.Services.AddHostedService(services => services.GetRequiredService<OrderWatchService>());
        builder.Services.AddScoped<OrderAnswers>();
        builder.Services.AddScoped<PayInOneCall>();
        builder.Services.AddSingleton<GiveBack>();
    }
}
