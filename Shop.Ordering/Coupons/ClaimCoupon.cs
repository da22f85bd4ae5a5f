using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Idempotency;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Coupons;

/// <summary>
/// First come, first served: one coupon for each user until all are issued. The gate keeps most of a rush away from the
/// coupon's row; whoever it lets through, and whoever it can't be sure about, is decided by the database.
/// </summary>
internal static class ClaimCoupon
{
    private const string Operation = "POST /coupons/{id}/claim";

    public static async Task<Results<Created<UserCouponView>, ProblemHttpResult>> Handle(
        Guid id, HttpContext http, CouponGate gate, ClaimCoupons claims, TimeProvider clock, CancellationToken ct)
    {
        var userId = http.User.UserId();
        var key = IdempotencyKey.Read(http, userId, Operation, new { }, out var badKey, id);
        if (badKey is not null) return Problems.Of(400, "idempotency-key-invalid", badKey);

        var claim = new ClaimCoupons.Item(
            key?.ResourceId ?? Guid.CreateVersion7(clock.GetUtcNow()), id, userId, key?.StoredKey, key?.Fingerprint);
        var pass = await gate.EnterAsync(id, userId, () => claims.CountAsync(id, ct));
        ClaimCoupons.Answer? answer = null;
        try
        {
            // Counted before, or full by the gate's count: often answered without the coupon's lock.
            if (pass == GatePass.Doubtful) answer = await claims.LookAsync(claim, ct);
            answer ??= await claims.RunAsync(claim, ct);
        }
        finally
        {
            // Dying before this leaves a place counted that nobody has: the gate then doubts, and the database decides.
            if (pass == GatePass.Counted && answer?.Verdict != ClaimVerdict.Claimed) await gate.LeaveAsync(id, userId);
        }

        return answer switch
        {
            { Verdict: ClaimVerdict.Claimed } => Created(answer),
            { Verdict: ClaimVerdict.Replayed } => Replayed(answer, http),
            { Verdict: ClaimVerdict.Unknown } => Problems.NotFound("There is no such coupon."),
            { Verdict: ClaimVerdict.KeyReused } => Problems.Of(
                422, "idempotency-key-reused", $"This {IdempotencyKey.Header} was sent with another request."),
            { Verdict: ClaimVerdict.AlreadyClaimed } =>
                Problems.Conflict("coupon-already-claimed", "You have claimed this coupon."),
            { Verdict: ClaimVerdict.SoldOut } =>
                Problems.Conflict("coupon-sold-out", "All of this coupon have been claimed."),
            { Verdict: ClaimVerdict.TooEarly } =>
                Problems.Conflict(CouponRefusals.NotYetValid, "This coupon is not valid yet."),
            { Verdict: ClaimVerdict.TooLate } =>
                Problems.Conflict(CouponRefusals.Expired, "The time of this coupon is over."),
            _ => throw new InvalidOperationException($"Claiming coupon {id} is {answer.Verdict}."),
        };
    }

    private static Created<UserCouponView> Created(ClaimCoupons.Answer answer) => TypedResults.Created(
        $"/coupons/{answer.Coupon!.Id}", UserCouponView.AsClaimed(answer.Claim!, answer.Coupon));

    private static Created<UserCouponView> Replayed(ClaimCoupons.Answer answer, HttpContext http)
    {
        http.Response.Headers[IdempotencyKey.ReplayedHeader] = "true";
        return Created(answer);
    }
}
