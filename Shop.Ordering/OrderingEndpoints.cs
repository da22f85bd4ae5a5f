using Shop.Ordering.Coupons;
using Shop.Ordering.Notifications;
using Shop.Ordering.Orders;
using Shop.Ordering.Refunds;
using Shop.Ordering.Shipments;
using Shop.Ordering.Webhooks;
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
        orders.MapPost("/", PlaceOrder.Handle).WithName("PlaceOrder")
            .ProducesProblem(400).ProducesProblem(402).ProducesProblem(404).ProducesProblem(409)
            .ProducesProblem(422).ProducesProblem(503);
        orders.MapGet("/me", ListMyOrders.Handle).WithName("ListMyOrders").ProducesProblem(400);
        orders.MapGet("/{id:guid}", ShowOrder.Handle).WithName("ShowOrder").ProducesProblem(404);
        orders.MapGet("/{id:guid}/timeline", ShowTimeline.Handle).WithName("ShowTimeline").ProducesProblem(404);
        orders.MapPost("/{id:guid}/cancel", CancelOrder.Handle).WithName("CancelOrder")
            .ProducesProblem(400).ProducesProblem(404).ProducesProblem(409);

        var shipments = routes.MapGroup("/orders/{id:guid}/shipments/{shipmentId:guid}")
            .WithTags("Shipments").RequireAuthorization(Policies.SellerOrAdmin);
        shipments.MapPost("/ship", MoveShipment.Ship).WithName("Ship").ProducesProblem(404).ProducesProblem(409);
        shipments.MapPost("/deliver", MoveShipment.Deliver).WithName("Deliver")
            .ProducesProblem(404).ProducesProblem(409);

        var coupons = routes.MapGroup("/coupons").WithTags("Coupons").RequireAuthorization(Policies.SignedIn);
        coupons.MapPost("/", CreateCoupon.Handle).WithName("CreateCoupon").RequireAuthorization(Policies.Admin)
            .ProducesProblem(400).ProducesProblem(409);
        coupons.MapGet("/", ListCoupons.Handle).WithName("ListCoupons").ProducesProblem(400);
        coupons.MapGet("/me", ListMyCoupons.Handle).WithName("ListMyCoupons").ProducesProblem(400);
        coupons.MapGet("/{id:guid}", ShowCoupon.Handle).WithName("ShowCoupon").ProducesProblem(404);
        coupons.MapPost("/{id:guid}/claim", ClaimCoupon.Handle).WithName("ClaimCoupon")
            .ProducesProblem(400).ProducesProblem(404).ProducesProblem(409).ProducesProblem(422);

        routes.MapGet("/notifications/me", ListMyNotifications.Handle).WithName("ListMyNotifications")
            .WithTags("Notifications").RequireAuthorization(Policies.SignedIn).ProducesProblem(400);

        var webhooks = routes.MapGroup("/webhooks").WithTags("Webhooks").RequireAuthorization(Policies.Admin);
        webhooks.MapPost("/", RegisterWebhook.Handle).WithName("RegisterWebhook")
            .ProducesProblem(400).ProducesProblem(409);
        webhooks.MapGet("/", ListWebhooks.Handle).WithName("ListWebhooks").ProducesProblem(400);
        webhooks.MapDelete("/{id:guid}", RemoveWebhook.Handle).WithName("RemoveWebhook").ProducesProblem(404);
        webhooks.MapGet("/{id:guid}/deliveries", ListDeliveries.Handle).WithName("ListDeliveries")
            .ProducesProblem(400).ProducesProblem(404);

        var services = routes.MapGroup("/internal/orders")
            .WithTags("Internal").RequireAuthorization(Policies.OrderingInternal);
        services.MapGet("/{id:guid}", ShowOrderInternally.Handle).WithName("ShowOrderInternally").ProducesProblem(404);
        services.MapPost("/{id:guid}/payment-attempts", StartPaymentAttempt.Handle).WithName("StartPaymentAttempt")
            .ProducesProblem(400).ProducesProblem(404).ProducesProblem(409);
        services.MapPost("/paid-lines", ListPaidLines.Handle).WithName("ListPaidLines").ProducesProblem(400);
        services.MapPost("/{id:guid}/refund-attempts", StartRefundAttempt.Handle).WithName("StartRefundAttempt")
            .ProducesProblem(400).ProducesProblem(404).ProducesProblem(409);
        services.MapPost("/hold-verdicts", HoldVerdicts.Handle).WithName("HoldVerdicts").ProducesProblem(400);
    }

    public static void AddOrdering(this IHostApplicationBuilder builder)
    {
        builder.AddDatabase<OrderingDb>("orderingdb");
        builder.AddOrderingOptions();
        builder.AddWebhookOptions();
        builder.AddServiceClient<CatalogClient>("catalog");
        builder.AddServiceClient<PaymentsClient>("payments");
        builder.Services.ConfigureHttpJsonOptions(
            json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, OrderingJson.Default));

        // The gate of a rush for coupons; Ordering works without it, so its health does not depend on it.
        builder.AddRedisClient("cache", settings => settings.DisableHealthChecks = true);
        builder.AddCouponOptions();
        builder.Services.AddSingleton<CouponGate>();
        builder.Services.AddSingleton<ClaimCoupons>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ClaimCoupons>().Shared);
        // Not AddHostedService: for it the two are one, since they are of one type.
        builder.Services.AddSingleton<IHostedService>(services => services.GetRequiredService<ClaimCoupons>().Looks);
        builder.Services.AddSingleton<ApplyCoupon>();

        builder.Services.AddSingleton<ShippingAddresses>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ShippingAddresses>());
        builder.Services.AddSingleton<FindPlaced>();
        builder.Services.AddHostedService(services => services.GetRequiredService<FindPlaced>().Shared);
        builder.Services.AddSingleton<ReserveStock>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ReserveStock>().Shared);
        builder.Services.AddSingleton<StoreOrders>();
        builder.Services.AddHostedService(services => services.GetRequiredService<StoreOrders>().Shared);
        builder.Services.AddSingleton<OrderWatchService>();
        builder.Services.AddHostedService(services => services.GetRequiredService<OrderWatchService>());
        builder.Services.AddSingleton<OrderAnswers>();
        builder.Services.AddSingleton<PayInOneCall>();
        builder.Services.AddSingleton<GiveBack>();
        builder.Services.AddSingleton<PlaceOrder.Stages>();
    }
}
