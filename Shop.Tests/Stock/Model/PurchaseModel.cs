namespace Shop.Tests.Stock.Model;

/// <summary>
/// One product and the orders of one buyer, as the design tells it: what each command is answered, and what the books
/// say when all that follows from it has happened. It shares no code with the shop.
/// </summary>
internal sealed class PurchaseModel(long received, long unitPrice)
{
    private readonly Dictionary<int, (Request Request, Seen Answer)> _kept = [];
    private long _received = received;

    public List<Order> Orders { get; } = [];

    public Shelf Shelf
    {
        get
        {
            var (sold, restocked) = (Orders.Sum(order => order.Sold), Orders.Sum(order => order.Restocked));
            var held = Orders.Where(order => order.Is("CREATED")).Sum(order => order.Units);
            return new(_received - sold + restocked, held, _received, sold, restocked, held);
        }
    }

    private long Available => Shelf.OnHand - Shelf.Held;

    public Seen Receive(int units)
    {
        _received += units;
        return new(200, Number: Shelf.OnHand);
    }

    public Seen ReadProduct() => new(200, State: "ON_SALE", Number: Available);

    public Seen Read(int order) => new(200, State: Orders[order].State, Number: Orders[order].Total);

    /// <summary>Only an answer with an effect keeps its key: then it is that answer for ever.</summary>
    public Seen Send(int key, Request request)
    {
        if (_kept.TryGetValue(key, out var kept))
        {
            return kept.Request == request
                ? kept.Answer with { Replayed = true }
                : new(422, "idempotency-key-reused");
        }

        var answer = request switch
        {
            Request.Place place => Place(place),
            Request.Pay pay => Pay(Orders[pay.Order], pay.Card),
            Request.Refund refund => Refund(Orders[refund.Order], refund),
            _ => throw new ArgumentOutOfRangeException(nameof(request), request, null),
        };
        if (answer.Status is 201 or 202 or 402) _kept[key] = (request, answer);
        return answer;
    }

    public Seen Cancel(int number, bool restock)
    {
        var order = Orders[number];
        switch (order.State)
        {
            case "CREATED":
                order.Goes("CANCELLED");
                return new(200, State: "CANCELLED", Number: order.Total);
            case "CANCELLED" or "REFUNDED":
                return new(200, State: order.State, Number: order.Total);
            case "EXPIRED":
                return new(409, "order-expired");
            default:
                // The state is written again, with the wish; the refund may be faster than the answer.
                order.CancelRequested = true;
                order.Goes(order.State);
                order.GivesBack(order.Units - order.UnitsRefunded, restock);
                return new(202, Number: order.Total);
        }
    }

    /// <summary>Only an order that waits for its payment can be too late.</summary>
    public void Expire(int number)
    {
        if (Orders[number].Is("CREATED")) Orders[number].Goes("EXPIRED");
    }

    private Seen Place(Request.Place place)
    {
        if (place.Units > Available) return new(409, "out-of-stock", Number: Available);

        var order = new Order(place.Units, unitPrice);
        Orders.Add(order);
        if (place.Card is null)
        {
            order.Goes("CREATED");
            return new(201, State: "CREATED", Number: order.Total);
        }

        order.Goes("PAYMENT_PENDING");
        order.Pays(place.Card, otherwise: "CANCELLED");
        return place.Card == "tok_ok"
            ? new(201, State: "PAID", Number: order.Total)
            : new(402, "payment-declined");
    }

    private static Seen Pay(Order order, string card)
    {
        if (order.Is("EXPIRED")) return new(409, "order-expired");
        if (!order.Is("CREATED")) return new(409, "order-not-payable");

        order.Goes("PAYMENT_PENDING");
        order.Pays(card, otherwise: "CREATED");
        return new(202, State: "REQUESTED");
    }

    private static Seen Refund(Order order, Request.Refund refund)
    {
        if (order.Payments[refund.Payment] != "COMPLETED") return new(409, "payment-not-completed");
        if (refund.Units > order.Units - order.UnitsRefunded)
        {
            return new(409, "refund-exceeds-payment", Number: order.Total - order.Returned);
        }

        order.GivesBack(refund.Units, refund.Restock);
        return new(202, State: "REQUESTED");
    }

    internal sealed class Order(int units, long unitPrice)
    {
        private readonly List<string> _states = [];
        private int _refunds;

        public int Units => units;

        public long Total => units * unitPrice;

        public string State => _states[^1];

        public List<string> Payments { get; } = [];

        public bool CancelRequested { get; set; }

        public int UnitsRefunded { get; private set; }

        public long Restocked { get; private set; }

        public long Returned => UnitsRefunded * unitPrice;

        public long Sold => WasPaid ? Units : 0;

        private bool WasPaid => Payments.Contains("COMPLETED");

        public OrderBooks Books => new(
            State, string.Join(' ', _states), CancelRequested, Units, Total,
            Attempts: string.Join(' ', Payments),
            Shipments: !WasPaid ? "" : UnitsRefunded == Units ? "CANCELLED" : "REQUESTED",
            RefundAttempts: Times("COMPLETED", _refunds),
            Payments: string.Join(' ', Payments),
            Refunds: Times("COMPLETED", _refunds),
            RefundedAmount: Returned, UnitsToRestock: Restocked,
            Captures: WasPaid ? 1 : 0, Captured: WasPaid ? Total : 0, Returns: _refunds, Returned,
            Hold: WasPaid ? "COMMITTED" : Is("CREATED") ? "HELD" : "ENDED",
            GivenBack: Restocked, Sold, Restocked);

        public bool Is(string state) => State == state;

        public void Goes(string state) => _states.Add(state);

        public void Pays(string card, string otherwise)
        {
            var isGood = card == "tok_ok";
            Payments.Add(isGood ? "COMPLETED" : "FAILED");
            Goes(isGood ? "PAID" : otherwise);
        }

        public void GivesBack(int some, bool restock)
        {
            _refunds++;
            UnitsRefunded += some;
            if (restock) Restocked += some;
            Goes(UnitsRefunded == Units ? "REFUNDED" : "PARTIALLY_REFUNDED");
        }

        private static string Times(string word, int count) => string.Join(' ', Enumerable.Repeat(word, count));
    }
}
