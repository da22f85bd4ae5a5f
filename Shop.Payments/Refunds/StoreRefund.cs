using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Payments.Orders;
using Shop.Payments.Payments;
using Shop.Payments.Points;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Faults;
using Shop.ServiceDefaults.Idempotency;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Refunds;

/// <summary>
/// Race 9: a refund that concerns goods is first agreed with Ordering, then one transaction takes the room of the
/// payment and stores refund, lines, key, answer and RefundRequested. Whoever asks for the same at the same time waits
/// at the payment's row and gets the first one's answer. What can't be stored after Ordering's yes is stored FAILED
/// with RefundFailed, so that Ordering frees the lines; what was refused before it keeps nothing, not even the key.
/// </summary>
internal static class StoreRefund
{
    private const string InsertSql = """
        insert into refunds
               (id, payment_id, cause, owed, reason, restock, card, points, status, failure, user_id, idempotency_key,
                fingerprint, answer_status, answer, next_try_at, created_at, updated_at)
        values (@Id, @PaymentId, 'CUSTOMER', false, @Reason, @Restock, @Card, @Points, @Status, @Failure, @UserId,
                @StoredKey, @Fingerprint, @AnswerStatus, @Answer, @TryAt, @Now, @Now)
            on conflict do nothing
        """;

    private const string TouchPaymentSql = """
        update payments set version = version + 1, updated_at = @Now where id = @Id returning version
        """;

    /// <param name="Payment">As it was seen before the key was looked up; it is read again under its lock.</param>
    /// <param name="Accepted">The answer once the refund is stored.</param>
    public sealed record Attempt(
        Payment Payment, Guid UserId, RefundTerms Terms, IdempotencyKey Key, StoredAnswer Accepted);

    public static async Task<StoredAnswer> AskAndRunAsync(
        Attempt attempt, Database<PaymentsDb> database, OrderingClient ordering, CancellationToken ct)
    {
        var asks = attempt.Payment.OrderId is not null && attempt.Terms.ConcernsGoods;
        if (asks && await AskAsync(attempt, database, ordering, ct) is { } no)
        {
            // The same request may have been faster, and over by now.
            return await StoredAnswer.FindRefundAsync(database, attempt.UserId, attempt.Key, ct) ?? StoredAnswer.Of(no);
        }

        return await database.TransactAsync(tx => RunAsync(tx, attempt, asked: asks), ct);
    }

    /// <summary>Asks Ordering to free the goods for this refund. Null is its yes.</summary>
    private static async Task<ProblemHttpResult?> AskAsync(
        Attempt attempt, Database<PaymentsDb> database, OrderingClient ordering, CancellationToken ct)
    {
        // A look before Ordering is bothered: most refusals are known here, and nothing has to be taken back. Payment
        // and lines may be of two moments; what is granted here is decided again under the lock.
        var (payment, terms) = (attempt.Payment, attempt.Terms);
        var lines = await Refund.PaidLinesAsync(database, payment.Id, ct);
        if (RefundPlan.Of(payment, lines, terms) is RefundPlan.Refused refused) return refused.Problem;

        Crash.At("StoreRefund.AskAsync:before-call");
        var no = await ordering.StartRefundAsync(
            payment.OrderId!.Value, attempt.Key.ResourceId, payment.Id, terms, ct);
        // Dying here leaves the lines frozen at Ordering: its sweep asks about the id and gets a tombstone.
        if (no is null) Crash.At("StoreRefund.AskAsync:after-call");
        return no;
    }

    public static async Task<StoredAnswer> RunAsync(Transaction<PaymentsDb> tx, Attempt attempt, bool asked)
    {
        var payment = await Payment.LockAsync(tx, attempt.Payment.Id)
            ?? throw new InvalidOperationException("A payment that was seen is gone.");
        if (await StoredAnswer.FindRefundAsync(tx, attempt.UserId, attempt.Key) is { } prior)
        {
            if (asked && prior.Status == StatusCodes.Status422UnprocessableEntity) await GiveUpAsync(tx, attempt);
            return prior;
        }

        var lines = await Refund.PaidLinesAsync(tx, payment.Id);
        return RefundPlan.Of(payment, lines, attempt.Terms) switch
        {
            RefundPlan.Granted granted => await StoreAsync(tx, attempt, payment, granted),
            RefundPlan.Refused refused when asked => await FailAsync(tx, attempt, payment, refused),
            RefundPlan.Refused refused => StoredAnswer.Of(refused.Problem),
            var other => throw new InvalidOperationException($"A refund cannot be {other}."),
        };
    }

    private static async Task<StoredAnswer> StoreAsync(
        Transaction<PaymentsDb> tx, Attempt attempt, Payment payment, RefundPlan.Granted granted)
    {
        var id = attempt.Key.ResourceId;
        var taken = await RefundRoom.TakeAsync(tx, payment.Id, granted.Amount)
            ?? throw new InvalidOperationException("A locked payment has less left than was read.");
        if (!await InsertAsync(tx, attempt, RefundStatus.Requested, null, attempt.Accepted, taken))
        {
            return await MetAnotherAsync(tx, attempt);
        }

        // Race 11: the money of a top-up goes back for its points, which are set aside until it has.
        if (payment.OrderId is null
            && !await TakeBackPoints.HoldAsync(tx, id, payment.Id, payment.UserId!.Value, granted.Amount))
        {
            tx.Refuse();
            return StoredAnswer.Of(Problems.Conflict("points-spent", "So many of these points are not left."));
        }

        await RefundRoom.TakeLinesAsync(tx, id, payment.Id, granted.Lines);
        await Refund.RecordAsync(tx, id, null, RefundStatus.Requested, RefundCauses.Customer);
        if (attempt.UserId != payment.UserId)
        {
            await tx.AuditAsync($"{attempt.UserId}", $"refund {granted.Amount}", $"payment {payment.Id}");
        }

        tx.Publish(new RefundRequested(id, payment.Id, taken.OrderId, tx.Now), taken.Version);
        return attempt.Accepted;
    }

    /// <summary>The key is another refund's: this one never comes, and Ordering hears of it at once.</summary>
    private static async Task GiveUpAsync(Transaction<PaymentsDb> tx, Attempt attempt)
    {
        var (id, payment) = (attempt.Key.ResourceId, attempt.Payment);
        if (!await AskRefund.BuryAsync(tx, id, payment.Id)) return;

        var version = await TouchAsync(tx, payment);
        tx.Publish(new RefundFailed(id, payment.Id, payment.OrderId, Payment.AttemptAbandoned, tx.Now), version);
    }

    private static Task<long> TouchAsync(Transaction<PaymentsDb> tx, Payment payment) =>
        tx.QuerySingleOrDefaultAsync<long>(TouchPaymentSql, new { payment.Id, tx.Now });

    private static async Task<StoredAnswer> FailAsync(
        Transaction<PaymentsDb> tx, Attempt attempt, Payment payment, RefundPlan.Refused refused)
    {
        var answer = StoredAnswer.Of(refused.Problem);
        var version = await TouchAsync(tx, payment);
        if (!await InsertAsync(tx, attempt, RefundStatus.Failed, refused.Failure, answer, new()))
        {
            return await MetAnotherAsync(tx, attempt);
        }

        await Refund.RecordAsync(tx, attempt.Key.ResourceId, null, RefundStatus.Failed, RefundCauses.Customer);
        tx.Publish(
            new RefundFailed(attempt.Key.ResourceId, payment.Id, payment.OrderId, refused.Failure, tx.Now), version);
        return answer;
    }

    /// <summary>
    /// The key was used for a refund of another payment at the same moment: that one is committed, since the insert
    /// waited for it. Nothing of this one is kept; what Ordering froze for it is freed by its sweep.
    /// </summary>
    private static async Task<StoredAnswer> MetAnotherAsync(Transaction<PaymentsDb> tx, Attempt attempt)
    {
        var other = await StoredAnswer.FindRefundAsync(tx, attempt.UserId, attempt.Key)
            ?? throw new InvalidOperationException("A refund met a row that is not there.");
        tx.Refuse();
        return other;
    }

    private static async Task<bool> InsertAsync(
        Transaction<PaymentsDb> tx, Attempt attempt, RefundStatus status, string? failure, StoredAnswer answer,
        RefundRoom.Taken legs) =>
        await tx.ExecuteAsync(InsertSql, new
        {
            Id = attempt.Key.ResourceId,
            PaymentId = attempt.Payment.Id,
            attempt.Terms.Reason,
            attempt.Terms.Restock,
            legs.Card,
            legs.Points,
            Status = status.Name(),
            Failure = failure,
            attempt.UserId,
            attempt.Key.StoredKey,
            attempt.Key.Fingerprint,
            AnswerStatus = answer.Status,
            Answer = answer.Json,
            TryAt = status == RefundStatus.Requested ? tx.Now : (DateTimeOffset?)null,
            tx.Now,
        }) == 1;
}
