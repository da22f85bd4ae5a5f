using Shop.PaymentSandbox.Charges;
using Shop.PaymentSandbox.Refunds;

namespace Shop.PaymentSandbox;

internal static class PaymentSandboxEndpoints
{
    public static void MapSandbox(this IEndpointRouteBuilder routes)
    {
        // Its one caller is the shop, whose key is checked.
        var v1 = routes.MapGroup("/v1").AllowAnonymous().DisableRateLimiting().AddEndpointFilter<ApiKeyFilter>();

        var charges = v1.MapGroup("/charges").WithTags("Charges");
        charges.MapPost("/", CreateCharge.Handle).WithName("CreateCharge");
        charges.MapGet("/", ListCharges.Handle).WithName("ListCharges");
        charges.MapGet("/{key}", GetCharge.Handle).WithName("GetCharge");
        charges.MapPost("/{key}/void", VoidCharge.Handle).WithName("VoidCharge");
        charges.MapPost("/{key}/refunds", CreateRefund.Handle).WithName("CreateRefund");

        var refunds = v1.MapGroup("/refunds").WithTags("Refunds");
        refunds.MapGet("/", ListRefunds.Handle).WithName("ListRefunds");
        refunds.MapGet("/{key}", GetRefund.Handle).WithName("GetRefund");
    }
}
