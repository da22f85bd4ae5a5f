using System.Diagnostics;
using Shop.Payments.Orders;
using Shop.Payments.Points;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Idempotency;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Payments;

/// <summary>
/// Race 3, after Ordering's yes: payment, lines, key, answer and PaymentRequested in one transaction. Whoever asks
/// for the same at the same time meets the first at a unique row and gets its answer. What can't be stored as asked
/// is stored as a FAILED payment with PaymentFailed, so that the order which said yes hears of it. What the shop keeps
/// of each line, rounded down, is frozen with it.
/// </summary>
internal static class StorePayment
{
    private const string PaymentInFlight = "payment-in-flight";
    private const string NotEnoughPoints = "not-enough-points";

    // One statement: a row that met another one under its id, its key or its order is not returned, and has no lines.
    private const string InsertSql = """
        with payment as (
            insert into payments
                   (id, order_id, user_id, purpose, method, card_token, currency, amount, card_amount, points_amount,
                    status, failure, idempotency_key, fingerprint, answer_status, answer, next_ask_at, created_at,
                    updated_at)
            values (@Id, @OrderId, @UserId, @Purpose, @Method, @CardToken, @Currency, @Card + @Points, @Card, @Points,
                    @Status, @Failure, @StoredKey, @Fingerprint, @AnswerStatus, @Answer, @AskAt, @Now, @Now)
                on conflict do nothing
            returning id, version),
        lines as (
            insert into payment_lines (payment_id, product_id, seller_id, category, quantity, amount, discount, fee)
            select payment.id, line.*, div(line.amount::numeric * rate.basis_points, 10000)
              from payment,
                   unnest(@Products, @Sellers, @Categories, @Quantities, @Amounts, @Discounts)
                       as line (product_id, seller_id, category, quantity, amount, discount)
                   join lateral (
                       select basis_points from seller_fees
                        where seller_id = line.seller_id or seller_id is null
                        order by seller_id nulls last
                        limit 1) as rate on true),
        transition as (
            insert into payment_transitions (payment_id, version, from_status, to_status, cause, trace_id, at)
            select id, version, null, @Status, 'request', @TraceId, @Now from payment)
        select version from payment
        """;

    /// <summary>A payment that Ordering has said yes to; without an order a TOP_UP, which nobody has to.</summary>
    public sealed record Attempt(
        Guid UserId, Guid? OrderId, string Method, string? CardToken, long Card, long Points, string Currency,
        OrderedLine[] Lines, IdempotencyKey Key);

    public sealed record Response(Guid PaymentId, PaymentStatus Status);

    public static async Task<StoredAnswer> RunAsync(
        Transaction<PaymentsDb> tx, Attempt attempt, PaymentsOptions options)
    {
        var id = attempt.Key.ResourceId;
        var answer = StoredAnswer.Of(StatusCodes.Status202Accepted, new Response(id, PaymentStatus.Requested));
        var askAt = tx.Now + options.RequestedAge;
        if (attempt.Points > 0) await tx.ExecuteAsync("savepoint before_payment");
        if (await InsertAsync(tx, attempt, PaymentStatus.Requested, null, answer, askAt) is { } version)
        {
            if (attempt.Points > 0 && !await HoldPoints.RunAsync(tx, id, attempt.UserId, attempt.Points))
            {
                // An answer never changes once it is in its row: that row is undone, and what is true takes its place.
                await tx.ExecuteAsync("rollback to savepoint before_payment");
                return await RefuseAsync(tx, attempt, NotEnoughPoints, TooFewPoints(id));
            }

            tx.Publish(new PaymentRequested(id, attempt.OrderId, attempt.UserId, tx.Now), version);
            return answer;
        }

        // The conflicting row is committed: the insert waited for it.
        if (await StoredAnswer.FindAsync(tx, attempt.UserId, attempt.Key) is { } prior)
        {
            var keyIsAnothers = prior.Status == StatusCodes.Status422UnprocessableEntity;
            // A top-up has nobody who would have to hear of it.
            if (keyIsAnothers && attempt.OrderId is not null)
            {
                await FailAsync(tx, attempt, "idempotency-key-reused", answer: null);
            }

            return prior;
        }

        return await RefuseAsync(tx, attempt, PaymentInFlight, StoredAnswer.Of(
            Problems.Conflict(PaymentInFlight, "The order has another payment on its way.")));
    }

    private static StoredAnswer TooFewPoints(Guid paymentId) => StoredAnswer.Of(Problems.Of(
        StatusCodes.Status402PaymentRequired, NotEnoughPoints, "There are not enough points; nothing was taken.",
        new Dictionary<string, object?> { ["paymentId"] = paymentId }));

    /// <summary>The answer, or that of the same request where it was faster.</summary>
    private static async Task<StoredAnswer> RefuseAsync(
        Transaction<PaymentsDb> tx, Attempt attempt, string failure, StoredAnswer answer) =>
        await FailAsync(tx, attempt, failure, answer)
            ? answer
            : await StoredAnswer.FindAsync(tx, attempt.UserId, attempt.Key)
                ?? throw new InvalidOperationException($"Payment {attempt.Key.ResourceId} met a row that is not there.");

    /// <summary>False where there is a payment under its id or key already, with its own event.</summary>
    private static async Task<bool> FailAsync(
        Transaction<PaymentsDb> tx, Attempt attempt, string failure, StoredAnswer? answer)
    {
        if (await InsertAsync(tx, attempt, PaymentStatus.Failed, failure, answer, askAt: null) is not { } version)
        {
            return false;
        }

        tx.Publish(
            new PaymentFailed(attempt.Key.ResourceId, attempt.OrderId, attempt.UserId, failure, tx.Now), version);
        return true;
    }

    private static Task<long?> InsertAsync(
        Transaction<PaymentsDb> tx, Attempt attempt, PaymentStatus status, string? failure, StoredAnswer? answer,
        DateTimeOffset? askAt) =>
        tx.QuerySingleOrDefaultAsync<long?>(InsertSql, new
        {
            Id = attempt.Key.ResourceId,
            attempt.OrderId,
            attempt.UserId,
            Purpose = attempt.OrderId is null ? Payment.TopUp : Payment.Order,
            attempt.Method,
            attempt.CardToken,
            attempt.Currency,
            attempt.Card,
            attempt.Points,
            Status = status.Name(),
            Failure = failure,
            StoredKey = answer is null ? null : attempt.Key.StoredKey,
            Fingerprint = answer is null ? null : attempt.Key.Fingerprint,
            AnswerStatus = answer?.Status,
            Answer = answer?.Json,
            AskAt = askAt,
            Products = attempt.Lines.Select(line => line.ProductId).ToArray(),
            Sellers = attempt.Lines.Select(line => line.SellerId).ToArray(),
            Categories = attempt.Lines.Select(line => line.Category).ToArray(),
            Quantities = attempt.Lines.Select(line => line.Quantity).ToArray(),
            Amounts = attempt.Lines.Select(line => line.Amount).ToArray(),
            Discounts = attempt.Lines.Select(line => line.Discount).ToArray(),
            TraceId = Activity.Current?.TraceId.ToHexString(),
            tx.Now,
        });
}
