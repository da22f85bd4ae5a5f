using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Payments.Orders;
using Shop.Payments.Payments;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Idempotency;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Refunds;

/// <summary>
/// <c>POST /payments/{id}/refunds</c>: the buyer, or an admin, wants money back: an amount, units of lines, or all that
/// is left. The answer is 202: the processor is a worker's business.
/// </summary>
internal static class RequestRefund
{
    public const int MaxReasonLength = 500;

    private const string Operation = "POST /payments/{id}/refunds";
    private const int MaxLines = 100;

    public sealed record Request(
        long? Amount = null, IReadOnlyList<LineRequest>? Lines = null, bool? Restock = null, string? Reason = null);

    public sealed record LineRequest(Guid? ProductId = null, int? Quantity = null);

    public sealed record Response(Guid RefundId, RefundStatus Status);

    public static async Task<Results<ContentHttpResult, ProblemHttpResult>> Handle(
        Guid id, Request request, HttpContext http, ClaimsPrincipal user, PaymentsDb db,
        Database<PaymentsDb> database, OrderingClient ordering, CancellationToken ct)
    {
        var errors = Check(request);
        if (errors.Count > 0) return Problems.Invalid(errors);

        var userId = user.UserId();
        var key = IdempotencyKey.Read(http, userId, Operation, request, out var problem, id);
        if (key is null) return PayOrder.KeyProblem(problem);

        var payment = await GetPayment.SeenBy(db, user).AsNoTracking().SingleOrDefaultAsync(p => p.Id == id, ct);
        if (payment is null) return Problems.NotFound();
        if (await StoredAnswer.FindRefundAsync(database, userId, key, ct) is { } stored) return stored.Send(http);

        var terms = TermsOf(request, payment);
        if (Unfit(terms, payment) is { } unfit) return unfit;

        var accepted = StoredAnswer.Of(
            StatusCodes.Status202Accepted, new Response(key.ResourceId, RefundStatus.Requested));
        var refund = new StoreRefund.Attempt(payment, userId, terms, key, accepted);
        return (await StoreRefund.AskAndRunAsync(refund, database, ordering, ct)).Send(http);
    }

    public static bool IsReason(string? reason) =>
        reason is { Length: >= 1 and <= MaxReasonLength } && !reason.Contains('\0');

    private static Dictionary<string, string[]> Check(Request request)
    {
        var errors = new Dictionary<string, string[]>();
        if (!IsReason(request.Reason)) errors["reason"] = [$"A reason of 1 to {MaxReasonLength} characters is needed."];
        if (request.Amount is < 1) errors["amount"] = ["amount must be at least 1."];
        if (request.Lines is not { } lines) return errors;

        if (request.Amount is not null) errors["lines"] = ["lines and amount exclude each other."];
        if (lines.Count is 0 or > MaxLines) errors["lines"] = [$"lines must be 1 to {MaxLines}, or left out."];
        var seen = new HashSet<Guid>();
        for (var i = 0; i < lines.Count; i++)
        {
            if (lines[i] is not { ProductId: { } product, Quantity: var quantity })
            {
                errors[$"lines[{i}].productId"] = ["productId is required."];
                continue;
            }

            if (!seen.Add(product)) errors[$"lines[{i}].productId"] = ["A product may be there once."];
            if (quantity is null or < 1) errors[$"lines[{i}].quantity"] = ["quantity must be at least 1."];
        }

        return errors;
    }

    /// <summary>An amount that is the whole rest is the whole rest, said otherwise.</summary>
    private static RefundTerms TermsOf(Request request, Payment payment) => new(
        request.Amount,
        request.Lines?.Select(line => new RefundTerms.Units(line.ProductId!.Value, line.Quantity!.Value)).ToArray(),
        IsWhole: request.Lines is null && (request.Amount is null || request.Amount == payment.Left),
        request.Restock ?? false,
        request.Reason!);

    private static ProblemHttpResult? Unfit(RefundTerms terms, Payment payment) => (payment.OrderId, terms) switch
    {
        (null, { Lines: not null }) => Problems.Invalid("lines", "This payment is for no order and has no lines."),
        (null, { Restock: true }) => Problems.Invalid("restock", "This payment is for no order: nothing was sold."),
        (_, { Restock: true, Lines: null, IsWhole: false }) => Problems.Invalid(
            "restock", "Only lines, or all that is left, can be restocked: an amount says nothing about units."),
        _ => null,
    };
}
