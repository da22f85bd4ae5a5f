using Shop.Payments.Payments;
using static Shop.Payments.Payments.PaymentCommand;
using static Shop.Payments.Payments.PaymentStatus;
using static Shop.Payments.Payments.PaymentVerdict;

namespace Shop.Tests.Payments;

public sealed class PaymentStatesTests
{
    private static readonly (PaymentStatus From, PaymentCommand By, PaymentVerdict Verdict, PaymentStatus To)[] Table =
    [
        (Requested, Start, Applied, Processing),
        (Requested, Capture, NotYet, Requested),
        (Requested, Fail, NotYet, Requested),
        (Requested, Withdraw, Applied, Failed),
        (Processing, Start, AlreadyApplied, Processing),
        (Processing, Capture, Applied, Completed),
        (Processing, Fail, Applied, Failed),
        (Processing, Withdraw, MustVoid, Processing),
        (Completed, Start, AlreadyApplied, Completed),
        (Completed, Capture, AlreadyApplied, Completed),
        (Completed, Fail, TooLate, Completed),
        (Completed, Withdraw, TooLate, Completed),
        (Failed, Start, TooLate, Failed),
        (Failed, Capture, RefundOwed, Failed),
        (Failed, Fail, AlreadyApplied, Failed),
        (Failed, Withdraw, AlreadyApplied, Failed),
        (Abandoned, Start, TooLate, Abandoned),
        (Abandoned, Capture, RefundOwed, Abandoned),
        (Abandoned, Fail, AlreadyApplied, Abandoned),
        (Abandoned, Withdraw, AlreadyApplied, Abandoned),
    ];

    [Fact]
    public void Every_pair_of_state_and_command_has_its_verdict()
    {
        var decided =
            from status in Enum.GetValues<PaymentStatus>()
            from command in Enum.GetValues<PaymentCommand>()
            let decision = PaymentStates.Decide(status, command)
            select (status, command, decision.Verdict, decision.Next);

        Assert.Equal(Table, decided);
    }

    [Fact]
    public void Only_an_applied_command_changes_the_state()
    {
        Assert.All(Table, row => Assert.Equal(row.Verdict == Applied, row.From != row.To));
    }

    [Fact]
    public void Completed_failed_and_abandoned_are_final()
    {
        Assert.All(
            Table.Where(row => row.From is Completed or Failed or Abandoned), row => Assert.Equal(row.From, row.To));
    }
}
