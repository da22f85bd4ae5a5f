using FsCheck;
using FsCheck.Fluent;
using Shop.Ordering.Orders;

namespace Shop.Tests.Ordering;

/// <summary>
/// Random lives of an order against what must hold of every life: the state machine is run as the slices run it, with
/// payments that each end once, in any sequence and any number of deliveries.
/// </summary>
public sealed class OrderModelTests
{
    private static readonly Guid[] Payments =
        [.. Enumerable.Range(1, 3).Select(i => new Guid(i, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))];

    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Whatever_happens_money_is_taken_once_or_given_back()
    {
        var steps = Gen.Elements(Enum.GetValues<Step>())
            .SelectMany(step => Gen.Choose(0, Payments.Length - 1).Select(payment => (step, payment)));
        var lives = Gen.ListOf(steps, 40).SelectMany(life => Gen.Elements(true, false).Select(one => (life, one)));

        Prop.ForAll(lives.ToArbitrary(), life => Live(life.life, life.one)).Check(
            Config.QuickThrowOnFailure.WithMaxTest(2_000));
    }

    private static bool Live(IEnumerable<(Step Step, int Payment)> life, bool oneCall)
    {
        var order = new Model(oneCall);
        foreach (var (step, payment) in life) order.Take(step, Payments[payment]);

        // A captured payment is the order's own or is sent back; a payment that took nothing never made an order paid.
        return order.Captured.All(
                paid => order.Refunded.Contains(paid) != (order.PaidBy == paid) || order.CancelRequested)
            && order.PaidBy is null == !order.Status.WasPaid()
            && (order.PaidBy is not { } by || order.Captured.Contains(by))
            && order.TimesPaid <= 1
            && order.TimesEnded <= 1;
    }

    private enum Step
    {
        StartPayment,
        Capture,
        Fail,
        DeliverAgain,
        Cancel,
        LetTimePass,
        Expire,
        Ship,
        Deliver,
    }

    private sealed class Model(bool oneCall)
    {
        private readonly HashSet<Guid> _started = oneCall ? [Payments[0]] : [];
        private readonly HashSet<Guid> _failed = [];
        private Guid? _paymentId = oneCall ? Payments[0] : null;
        private DateTimeOffset _now = Noon;
        private bool _shipped;

        public OrderStatus Status { get; private set; } = oneCall ? OrderStatus.PaymentPending : OrderStatus.Created;

        public HashSet<Guid> Captured { get; } = [];

        public HashSet<Guid> Refunded { get; } = [];

        public Guid? PaidBy { get; private set; }

        public bool CancelRequested { get; private set; }

        public int TimesPaid { get; private set; }

        public int TimesEnded { get; private set; }

        public void Take(Step step, Guid payment)
        {
            switch (step)
            {
                case Step.StartPayment:
                    Start(payment);
                    break;
                case Step.Capture when !_failed.Contains(payment):
                    Captured.Add(payment);
                    Complete(payment);
                    break;
                case Step.Fail when !Captured.Contains(payment):
                    _failed.Add(payment);
                    Fail(payment);
                    break;
                case Step.DeliverAgain:
                    if (Captured.Contains(payment)) Complete(payment);
                    if (_failed.Contains(payment)) Fail(payment);
                    break;
                case Step.Cancel:
                    Cancel();
                    break;
                case Step.LetTimePass:
                    _now = _now.AddMinutes(10);
                    break;
                case Step.Expire:
                    if (Decide(new OrderCommand.Expire(_now)).Verdict == OrderVerdict.Done) End(OrderStatus.Expired);
                    break;
                case Step.Ship:
                    _shipped |= Status == OrderStatus.Paid && !CancelRequested;
                    break;
                case Step.Deliver when _shipped:
                    Status = Decide(new OrderCommand.DeliverAll()).Next;
                    break;
                default:
                    break;
            }
        }

        private void Start(Guid payment)
        {
            // A capture that this order was never asked about is a stray: Payments does not start it any more.
            if (Captured.Contains(payment) && !_started.Contains(payment)) return;
            var decision = Decide(new OrderCommand.StartPayment(payment, _failed.Contains(payment), _now));
            if (decision.Verdict != OrderVerdict.Done) return;
            (Status, _paymentId) = (decision.Next, payment);
            _started.Add(payment);
        }

        private void Complete(Guid payment)
        {
            var decision = Decide(new OrderCommand.CompletePayment(payment));
            if (decision.Verdict is OrderVerdict.Done or OrderVerdict.DoneThenRefundDue)
            {
                (Status, PaidBy) = (decision.Next, payment);
                TimesPaid++;
            }

            if (decision.Verdict is OrderVerdict.RefundDue or OrderVerdict.DoneThenRefundDue) Refunded.Add(payment);
        }

        private void Fail(Guid payment)
        {
            var decision = Decide(new OrderCommand.FailPayment(payment));
            if (decision.Verdict != OrderVerdict.Done) return;
            if (decision.Next == OrderStatus.Cancelled) End(decision.Next);
            else (Status, _paymentId) = (decision.Next, null);
        }

        private void Cancel()
        {
            var decision = Decide(new OrderCommand.Cancel(_shipped));
            switch (decision.Verdict)
            {
                case OrderVerdict.Done:
                    End(decision.Next);
                    break;
                case OrderVerdict.AwaitsPayment:
                    CancelRequested = true;
                    break;
                case OrderVerdict.RefundDue:
                    CancelRequested = true;
                    Refunded.Add(_paymentId!.Value);
                    break;
                default:
                    break;
            }
        }

        private void End(OrderStatus status)
        {
            Status = status;
            TimesEnded++;
        }

        private Decision Decide(OrderCommand command) => Order.Decide(
            Status, new(_paymentId, oneCall, CancelRequested, Noon.AddMinutes(30)), command);
    }
}
