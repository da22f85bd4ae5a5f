using Shop.Payments.Payments;
using Shop.Payments.Points;
using Shop.Payments.Refunds;
using Shop.Payments.Settlement;
using Shop.Payments.Webhooks;
using Shop.ServiceDefaults.Authentication;

namespace Shop.Payments;

internal static class PaymentsEndpoints
{
    public static void MapPayments(this IEndpointRouteBuilder routes)
    {
        var payments = routes.MapGroup("/payments").WithTags("Payments").RequireAuthorization(Policies.SignedIn);
        payments.MapPost("/", PayOrder.Handle).WithName("PayOrder")
            .Produces<StorePayment.Response>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status402PaymentRequired)
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        payments.MapGet("/", ListPayments.Handle).WithName("ListPayments");
        payments.MapGet("/{id:guid}", GetPayment.Handle).WithName("GetPayment");
        payments.MapPost("/{id:guid}/cancel", CancelPayment.Handle).WithName("CancelPayment")
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        payments.MapPost("/{id:guid}/refunds", RequestRefund.Handle).WithName("RequestRefund")
            .Produces<RequestRefund.Response>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status422UnprocessableEntity);

        routes.MapGet("/refunds/{id:guid}", GetRefund.Handle).WithName("GetRefund").WithTags("Refunds")
            .RequireAuthorization(Policies.SignedIn).ProducesProblem(StatusCodes.Status404NotFound);

        var points = routes.MapGroup("/points").WithTags("Points").RequireAuthorization(Policies.SignedIn);
        points.MapGet("/", ShowPoints.Handle).WithName("ShowPoints");
        points.MapGet("/entries", ListPointsEntries.Handle).WithName("ListPointsEntries")
            .ProducesProblem(StatusCodes.Status400BadRequest);
        points.MapPost("/charge", ChargePoints.Handle).WithName("ChargePoints")
            .Produces<StorePayment.Response>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status422UnprocessableEntity);

        var settlements = routes.MapGroup("/settlements").WithTags("Settlements")
            .RequireAuthorization(Policies.SellerOrAdmin);
        settlements.MapGet("/daily", ListDailySettlements.Handle).WithName("ListDailySettlements")
            .ProducesProblem(StatusCodes.Status400BadRequest);
        settlements.MapGet("/monthly", ListMonthlySettlements.Handle).WithName("ListMonthlySettlements")
            .ProducesProblem(StatusCodes.Status400BadRequest);
        settlements.MapGet("/{id:guid}/lines", ListSettlementLines.Handle).WithName("ListSettlementLines")
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound);

        var inside = routes.MapGroup("/internal/payments").WithTags("Internal")
            .RequireAuthorization(Policies.PaymentsInternal);
        inside.MapPost("/", PayOrderInOneCall.Handle).WithName("PayOrderInOneCall")
            .Produces<StorePayment.Response>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status402PaymentRequired)
            .ProducesProblem(StatusCodes.Status409Conflict);
        inside.MapGet("/{id:guid}", AskPayment.Handle).WithName("AskPayment");
        routes.MapGet("/internal/refunds/{id:guid}", AskRefund.Handle).WithName("AskRefund").WithTags("Internal")
            .RequireAuthorization(Policies.PaymentsInternal).ProducesProblem(StatusCodes.Status400BadRequest);

        // Open to anybody: the signature says who speaks.
        routes.MapPost("/webhooks/sandbox", ReceiveSandboxWebhook.Handle).WithName("ReceiveSandboxWebhook")
            .WithTags("Webhooks").AllowAnonymous().DisableRateLimiting();
    }
}
