using Shop.Ordering.Coupons;
using static Shop.Ordering.Coupons.UserCouponStatus;

namespace Shop.Tests.Ordering.Coupons;

/// <summary>The state machine of a user's coupon as a table: every state against every command.</summary>
public sealed class UserCouponStateTests
{
    private static readonly Guid Mine = Guid.Parse("00000000-0000-7000-8000-000000000001");
    private static readonly Guid Other = Guid.Parse("00000000-0000-7000-8000-000000000002");
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly Dictionary<string, CouponCommand> Commands = new()
    {
        ["hold mine"] = new CouponCommand.Hold(Mine, Now),
        ["hold other"] = new CouponCommand.Hold(Other, Now),
        ["use mine"] = new CouponCommand.Use(Mine),
        ["use other"] = new CouponCommand.Use(Other),
        ["give back mine"] = new CouponCommand.GiveBack(Mine, Now),
        ["give back other"] = new CouponCommand.GiveBack(Other, Now),
        ["return mine"] = new CouponCommand.Return(Mine, Now),
        ["return other"] = new CouponCommand.Return(Other, Now),
        ["expire"] = new CouponCommand.Expire(Now),
    };

    // Verdict, and the next state where it changes. Columns: the commands above. In time; HELD and USED are mine.
    private static readonly Dictionary<UserCouponStatus, string[]> InTime = new()
    {
        [Issued] =
        [
            "Done>Held", "Done>Held", "Refused", "Refused", "AlreadyDone", "AlreadyDone", "AlreadyDone", "AlreadyDone",
            "Refused",
        ],
        [Held] =
        [
            "AlreadyDone", "Taken", "Done>Used", "Refused", "Done>Issued", "AlreadyDone", "Refused", "AlreadyDone",
            "Refused",
        ],
        [Used] =
        [
            "AlreadyDone", "Spent", "AlreadyDone", "Refused", "Refused", "AlreadyDone", "Done>Issued", "AlreadyDone",
            "Refused",
        ],
        [Expired] =
        [
            "OutOfTime", "OutOfTime", "Refused", "Refused", "AlreadyDone", "AlreadyDone", "AlreadyDone", "AlreadyDone",
            "AlreadyDone",
        ],
    };

    // What is different once its time is over.
    private static readonly Dictionary<(UserCouponStatus Status, string Command), string> Over = new()
    {
        [(Issued, "hold mine")] = "OutOfTime",
        [(Issued, "hold other")] = "OutOfTime",
        [(Issued, "expire")] = "Done>Expired",
        [(Held, "give back mine")] = "Done>Expired",
        [(Used, "return mine")] = "Done>Expired",
    };

    public static TheoryData<UserCouponStatus, string, bool> Pairs
    {
        get
        {
            var pairs = new TheoryData<UserCouponStatus, string, bool>();
            foreach (var status in Enum.GetValues<UserCouponStatus>())
            {
                foreach (var command in Commands.Keys)
                {
                    pairs.Add(status, command, false);
                    pairs.Add(status, command, true);
                }
            }

            return pairs;
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Every_state_answers_every_command(UserCouponStatus status, string command, bool over)
    {
        var expected = over && Over.TryGetValue((status, command), out var different)
            ? different
            : InTime[status][Commands.Keys.ToList().IndexOf(command)];

        var (verdict, next) = UserCoupon.Decide(
            status, status is Held or Used ? Mine : null, over ? Now : Now.AddSeconds(1), Commands[command]);

        Assert.Equal(expected, verdict == CouponVerdict.Done ? $"{verdict}>{next}" : $"{verdict}");
        if (verdict != CouponVerdict.Done) Assert.Equal(status, next);
    }

    [Fact]
    public void A_coupon_without_an_end_never_expires() => Assert.Equal(
        CouponVerdict.Refused, UserCoupon.Decide(Issued, null, null, Commands["expire"]).Verdict);
}
