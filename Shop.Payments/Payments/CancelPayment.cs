using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Payments.Orders;
using Shop.Payments.Refunds;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Idempotency;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Payments;

/// <summary>
/// <c>POST /payments/{id}/cancel</c>: a payment that was not started ends at once; one on its way is voided by its key
/// at the processor, whose verdict decides; what is left of a completed one is refunded, goods and all, which moves
/// money and so needs a key. One that is over stays as it is.
/// </summary>
internal static class CancelPayment
{
    private const string Operation = "POST /payments/{id}/cancel";
    private const string Cause = "cancel";

    /// <param name="Restock">Whether the units go back on the shelf. Default: yes.</param>
    public sealed record Request(string? Reason = null, bool? Restock = null);

    /// <param name="RefundId">The refund of what was left, where there was one.</param>
    public sealed record Response(Guid PaymentId, PaymentStatus Status, Guid? RefundId = null);

    public static async Task<Results<Ok<Response>, Accepted<Response>, ContentHttpResult, ProblemHttpResult>> Handle(
        Guid id, Request? request, HttpContext http, ClaimsPrincipal user, PaymentsDb db,
        Database<PaymentsDb> database, OrderingClient ordering, CancellationToken ct)
    {
        request ??= new();
        if (request.Reason is not null && !RequestRefund.IsReason(request.Reason))
        {
            return Problems.Invalid("reason", $"A reason has 1 to {RequestRefund.MaxReasonLength} characters.");
        }

        var userId = user.UserId();
        var key = IdempotencyKey.Read(http, userId, Operation, request, out var badKey, id);
        if (badKey is not null) return PayOrder.KeyProblem(badKey);
        if (!await GetPayment.SeenBy(db, user).AnyAsync(p => p.Id == id, ct)) return Problems.NotFound();

        // Dying after the commit: a void that is due is the sweep's business, with or without this call.
        var payment = await database.TransactAsync(
            async tx =>
            {
                await tx.AuditAdminAsync(user, "cancel payment", $"payment {id}");
                return await WithdrawAsync(tx, id);
            },
            ct);
        if (payment.Status == PaymentStatus.Processing)
        {
            return TypedResults.Accepted($"/payments/{id}", new Response(id, payment.Status));
        }

        if (payment.Status != PaymentStatus.Completed) return TypedResults.Ok(new Response(id, payment.Status));

        if (key is not null && await StoredAnswer.FindRefundAsync(database, userId, key, ct) is { } stored)
        {
            return stored.Send(http);
        }

        if (payment.Left == 0) return TypedResults.Ok(new Response(id, payment.Status));
        if (key is null) return PayOrder.KeyProblem(problem: null);
        var terms = new RefundTerms(
            Amount: null, Lines: null, IsWhole: true, payment.OrderId is not null && (request.Restock ?? true),
            request.Reason ?? "payment cancelled");
        var accepted = StoredAnswer.Of(
            StatusCodes.Status202Accepted, new Response(id, payment.Status, key.ResourceId));
        var refund = new StoreRefund.Attempt(payment, userId, terms, key, accepted);
        return (await StoreRefund.AskAndRunAsync(refund, database, ordering, ct)).Send(http);
    }

    /// <summary>Ends the payment if it may end here; the row as it stands then.</summary>
    private static async Task<Payment> WithdrawAsync(Transaction<PaymentsDb> tx, Guid id)
    {
        var payment = await Payment.LockAsync(tx, id)
            ?? throw new InvalidOperationException("A payment that was seen is gone.");
        var (verdict, _) = PaymentStates.Decide(payment.Status, PaymentCommand.Withdraw);
        switch (verdict)
        {
            case PaymentVerdict.Applied:
                await SettlePayment.FailAsync(tx, payment, OnPaymentVoidDue.Failure, Cause);
                break;
            case PaymentVerdict.MustVoid:
                await OnPaymentVoidDue.MarkAsync(tx, payment, tx.Now);
                break;
            default:
                break;
        }

        return payment;
    }
}
