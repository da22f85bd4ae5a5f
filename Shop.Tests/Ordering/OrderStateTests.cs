using Shop.Ordering.Orders;
using static Shop.Ordering.Orders.OrderStatus;
using static Shop.Ordering.Orders.OrderVerdict;

namespace Shop.Tests.Ordering;

/// <summary>The whole state machine as a table: every state against every command.</summary>
public sealed class OrderStateTests
{
    private static readonly Guid Mine = Guid.Parse("00000000-0000-7000-8000-000000000001");
    private static readonly Guid Other = Guid.Parse("00000000-0000-7000-8000-000000000002");
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly Dictionary<string, OrderCommand> Commands = new()
    {
        ["start mine"] = new OrderCommand.StartPayment(Mine, Ended: false, Now),
        ["start other"] = new OrderCommand.StartPayment(Other, Ended: false, Now),
        ["start ended"] = new OrderCommand.StartPayment(Mine, Ended: true, Now),
        ["complete mine"] = new OrderCommand.CompletePayment(Mine),
        ["complete other"] = new OrderCommand.CompletePayment(Other),
        ["fail mine"] = new OrderCommand.FailPayment(Mine),
        ["fail other"] = new OrderCommand.FailPayment(Other),
        ["cancel"] = new OrderCommand.Cancel(AnyShipped: false),
        ["cancel shipped"] = new OrderCommand.Cancel(AnyShipped: true),
        ["expire"] = new OrderCommand.Expire(Now),
        ["refund all"] = new OrderCommand.Refund(Whole: true),
        ["refund part"] = new OrderCommand.Refund(Whole: false),
        ["deliver all"] = new OrderCommand.DeliverAll(),
    };

    // Verdict, and the next state where it changes. Columns: the commands above, an order in time, two-step.
    private static readonly Dictionary<OrderStatus, string[]> Table = new()
    {
        [Created] =
        [
            "Done>PaymentPending", "Done>PaymentPending", "AttemptEnded", "RefundDue", "RefundDue", "AlreadyDone",
            "AlreadyDone", "Done>Cancelled", "Done>Cancelled", "Refused", "Refused", "Refused", "Refused",
        ],
        [PaymentPending] =
        [
            "AlreadyDone", "PaymentInFlight", "AttemptEnded", "Done>Paid", "RefundDue", "Done>Created", "AlreadyDone",
            "AwaitsPayment", "AwaitsPayment", "Refused", "Refused", "Refused", "Refused",
        ],
        [Paid] =
        [
            "AlreadyDone", "Refused", "AttemptEnded", "AlreadyDone", "RefundDue", "Contradiction", "AlreadyDone",
            "RefundDue", "Shipped", "Refused", "Done>Refunded", "Done>PartiallyRefunded", "Done>Completed",
        ],
        [Completed] =
        [
            "AlreadyDone", "Refused", "AttemptEnded", "AlreadyDone", "RefundDue", "Contradiction", "AlreadyDone",
            "Shipped", "Shipped", "Refused", "Done>Refunded", "Done>PartiallyRefunded", "AlreadyDone",
        ],
        [PartiallyRefunded] =
        [
            "AlreadyDone", "Refused", "AttemptEnded", "AlreadyDone", "RefundDue", "Contradiction", "AlreadyDone",
            "RefundDue", "Shipped", "Refused", "Done>Refunded", "Done>PartiallyRefunded", "Done>Completed",
        ],
        [Refunded] =
        [
            "AlreadyDone", "Refused", "AttemptEnded", "AlreadyDone", "RefundDue", "Contradiction", "AlreadyDone",
            "AlreadyDone", "AlreadyDone", "Refused", "AlreadyDone", "AlreadyDone", "Refused",
        ],
        [Cancelled] =
        [
            "Refused", "Refused", "AttemptEnded", "RefundDue", "RefundDue", "AlreadyDone", "AlreadyDone",
            "AlreadyDone", "AlreadyDone", "Refused", "Refused", "Refused", "Refused",
        ],
        [Expired] =
        [
            "OutOfTime", "OutOfTime", "AttemptEnded", "RefundDue", "RefundDue", "AlreadyDone", "AlreadyDone",
            "OutOfTime", "OutOfTime", "AlreadyDone", "Refused", "Refused", "Refused",
        ],
        [Abandoned] =
        [
            "Refused", "Refused", "AttemptEnded", "RefundDue", "RefundDue", "Contradiction", "AlreadyDone",
            "Refused", "Refused", "Refused", "Refused", "Refused", "Refused",
        ],
    };

    public static TheoryData<OrderStatus, string, string> Pairs
    {
        get
        {
            var pairs = new TheoryData<OrderStatus, string, string>();
            foreach (var status in Enum.GetValues<OrderStatus>())
            {
                foreach (var (command, expected) in Commands.Keys.Zip(Table[status]))
                {
                    pairs.Add(status, command, expected);
                }
            }

            return pairs;
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Every_state_answers_every_command(OrderStatus status, string command, string expected)
    {
        var facts = new OrderFacts(Mine, OneCall: false, CancelRequested: false, Now.AddMinutes(1));

        var decision = Order.Decide(status, facts, Commands[command]);

        var changes = decision.Verdict is Done or DoneThenRefundDue;
        Assert.Equal(expected, changes ? $"{decision.Verdict}>{decision.Next}" : $"{decision.Verdict}");
        if (!changes) Assert.Equal(status, decision.Next);
    }

    [Fact]
    public void The_table_has_every_state_and_every_command()
    {
        Assert.Equal(Enum.GetValues<OrderStatus>().Order(), Table.Keys.Order());
        Assert.All(Table.Values, row => Assert.Equal(Commands.Count, row.Length));
        var kinds = typeof(OrderCommand).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(OrderCommand)));
        Assert.Equal(
            kinds.Select(kind => kind.Name).Order(),
            Commands.Values.Select(command => command.GetType().Name).Distinct().Order());
    }

    [Theory]
    [InlineData(Created, "Done>Expired")]
    [InlineData(PaymentPending, "Refused")]
    [InlineData(Paid, "Refused")]
    [InlineData(Cancelled, "Refused")]
    public void Only_an_unpaid_order_whose_time_is_over_expires(OrderStatus status, string expected)
    {
        var facts = new OrderFacts(Mine, OneCall: false, CancelRequested: false, ExpiresAt: Now);

        var decision = Order.Decide(status, facts, new OrderCommand.Expire(Now));

        Assert.Equal(expected, decision.Verdict == Done ? $"Done>{decision.Next}" : $"{decision.Verdict}");
    }

    [Fact]
    public void A_payment_cannot_start_at_the_instant_of_expiry()
    {
        var facts = new OrderFacts(null, OneCall: false, CancelRequested: false, ExpiresAt: Now);

        Assert.Equal(
            new Decision(OutOfTime, Created),
            Order.Decide(Created, facts, new OrderCommand.StartPayment(Mine, Ended: false, Now)));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Without_its_payment_one_call_or_a_cancel_request_ends_cancelled(bool oneCall, bool cancelRequested)
    {
        var facts = new OrderFacts(Mine, oneCall, cancelRequested, Now.AddMinutes(1));

        Assert.Equal(
            new Decision(Done, Cancelled),
            Order.Decide(PaymentPending, facts, new OrderCommand.FailPayment(Mine)));
    }

    [Fact]
    public void A_captured_payment_of_an_order_to_be_cancelled_is_taken_and_given_back()
    {
        var facts = new OrderFacts(Mine, OneCall: false, CancelRequested: true, Now.AddMinutes(1));

        Assert.Equal(
            new Decision(DoneThenRefundDue, Paid),
            Order.Decide(PaymentPending, facts, new OrderCommand.CompletePayment(Mine)));
    }

    [Fact]
    public void Every_state_has_one_name_in_the_database() => Assert.All(
        Enum.GetValues<OrderStatus>(), status => Assert.Equal(status, OrderStatuses.Parse(status.ToText())));
}
