using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Coupons;

/// <summary>
/// Why an order cannot have its coupon: the type of the problem where it is required, <c>couponNotApplied</c> where it
/// is optional.
/// </summary>
internal static class CouponRefusals
{
    public const string Unknown = "coupon-unknown";
    public const string NotClaimed = "coupon-not-claimed";
    public const string NotYetValid = "coupon-not-yet-valid";
    public const string Expired = "coupon-expired";
    public const string Held = "coupon-held";
    public const string Used = "coupon-used";
    public const string MinimumNotMet = "coupon-minimum-not-met";
    public const string NotEligible = "coupon-not-eligible";
    public const string WorthNothing = "coupon-worth-nothing";

    /// <summary>Null where it may be had.</summary>
    public static string? Of(CouponVerdict verdict) => verdict switch
    {
        CouponVerdict.Done or CouponVerdict.AlreadyDone => null,
        CouponVerdict.Taken => Held,
        CouponVerdict.Spent => Used,
        CouponVerdict.OutOfTime => Expired,
        _ => throw new ArgumentOutOfRangeException(nameof(verdict), verdict, null),
    };

    public static ProblemHttpResult ToProblem(string refusal, Guid? couponId)
    {
        var detail = refusal switch
        {
            Unknown => "There is no such coupon.",
            NotClaimed => "You have not claimed this coupon.",
            NotYetValid => "This coupon is not valid yet.",
            Expired => "The time of this coupon is over.",
            Held => "Another order of yours has this coupon; pay or cancel it.",
            Used => "You have used this coupon.",
            MinimumNotMet => "The order is below the minimum of this coupon.",
            NotEligible => "Nothing in this order is what the coupon is for.",
            WorthNothing => "This coupon would take nothing off this order.",
            _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal, null),
        };
        var status = refusal == Unknown ? StatusCodes.Status400BadRequest : StatusCodes.Status409Conflict;
        return Problems.Of(status, refusal, detail, new Dictionary<string, object?>
        {
            ["couponId"] = couponId,
            ["errors"] = new Dictionary<string, string[]> { ["couponId"] = [detail] },
        });
    }
}
