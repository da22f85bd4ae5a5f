using Shop.Payments.Payments;
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
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        payments.MapGet("/", ListPayments.Handle).WithName("ListPayments");
        payments.MapGet("/{id:guid}", GetPayment.Handle).WithName("GetPayment");

        var inside = routes.MapGroup("/internal/payments").WithTags("Internal")
            .RequireAuthorization(Policies.PaymentsInternal);
        inside.MapPost("/", PayOrderInOneCall.Handle).WithName("PayOrderInOneCall")
            .Produces<StorePayment.Response>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status409Conflict);
        inside.MapGet("/{id:guid}", AskPayment.Handle).WithName("AskPayment");

        // Open to anybody: the signature says who speaks.
        routes.MapPost("/webhooks/sandbox", ReceiveSandboxWebhook.Handle).WithName("ReceiveSandboxWebhook")
            .WithTags("Webhooks").AllowAnonymous().DisableRateLimiting();
    }
}
