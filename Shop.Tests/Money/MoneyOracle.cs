using Shop.Payments.Orders;

namespace Shop.Tests.Money;

/// <summary>What the books must say, from what was asked for alone. Minor units; a debit is positive.</summary>
internal sealed class MoneyOracle
{
    /// <summary>Balances of the ledger's accounts that are not zero.</summary>
    public IEnumerable<KeyValuePair<string, long>> Ledger => _ledger.Where(account => account.Value != 0);

    /// <summary>Captured and refunded by card, by payment.</summary>
    public Dictionary<Guid, (long Captured, long Refunded)> Cards { get; } = [];

    public Dictionary<(Guid Seller, string Category), Sums> Settled { get; } = [];

    private readonly Dictionary<string, long> _ledger = [];

    public void ToppedUp(Guid payment, Guid user, long amount)
    {
        Cards[payment] = (amount, 0);
        Post("card-clearing", amount);
        Post($"customer-points:{user}", -amount);
    }

    /// <summary>Money that came too late went back whole: only the processor's books show that it was there.</summary>
    public void CapturedLate(Guid payment, long amount) => Cards[payment] = (amount, amount);

    public OracleOrder Captured(Guid payment, Guid user, OrderedLine[] lines, long points)
    {
        var order = new OracleOrder(this, payment, user, lines, points);
        Cards[payment] = (order.Card, 0);
        Post("card-clearing", order.Card);
        Post($"customer-points:{user}", points);
        foreach (var line in order.Lines)
        {
            Settle(line, line.Amount, line.Discount, line.Fee);
            Of(line).Lines++;
        }

        foreach (var sums in order.Lines.Select(Of).Distinct()) sums.Orders++;
        return order;
    }

    internal void Refunded(Guid payment, Guid user, long card, long points)
    {
        Cards[payment] = (Cards[payment].Captured, Cards[payment].Refunded + card);
        Post("card-clearing", -card);
        Post($"customer-points:{user}", -points);
    }

    internal void GaveBack(OracleLine line, long amount, long discount, long fee)
    {
        Settle(line, -amount, -discount, -fee);
        Of(line).Lines++;
        Of(line).Refunds += amount;
    }

    private void Settle(OracleLine line, long amount, long discount, long fee)
    {
        Post($"sales:{line.Seller}", fee - amount);
        Post("fees", -fee);
        var sums = Of(line);
        sums.Gross += amount + discount;
        sums.Discount += discount;
        sums.Fee += fee;
        sums.Net += amount - fee;
    }

    private Sums Of(OracleLine line) => Settled.TryGetValue((line.Seller, line.Category), out var sums)
        ? sums
        : Settled[(line.Seller, line.Category)] = new();

    private void Post(string account, long amount) => _ledger[account] = _ledger.GetValueOrDefault(account) + amount;

    internal sealed class Sums
    {
        public long Lines { get; set; }

        public long Orders { get; set; }

        public long Gross { get; set; }

        public long Discount { get; set; }

        public long Refunds { get; set; }

        public long Fee { get; set; }

        public long Net { get; set; }

        public override string ToString() => $"{Lines} {Orders} {Gross} {Discount} {Refunds} {Fee} {Net}";
    }
}

/// <summary>A line of a paid order, and what of it went back.</summary>
internal sealed class OracleLine(OrderedLine line)
{
    private long _discountBack;
    private long _feeBack;

    public Guid Product => line.ProductId;

    public Guid Seller => line.SellerId;

    public string Category => line.Category;

    public int Quantity => line.Quantity;

    public long Amount => line.Amount;

    public long Discount => line.Discount;

    public long Fee => line.Amount * 3 / 100;

    public int Units { get; set; }

    public long Back { get; private set; }

    public long Left => Amount - Back;

    /// <summary>What these units would bring: the units' share of the line so far, less what went back.</summary>
    public long WorthOf(int units) => Math.Max(0, (Amount * (Units + units) / Quantity) - Back);

    /// <summary>Discount and fee that go back with the amount.</summary>
    public (long Discount, long Fee) GiveBack(long amount)
    {
        Back += amount;
        var discount = (Discount * Back / Amount) - _discountBack;
        var fee = (Fee * Back / Amount) - _feeBack;
        _discountBack += discount;
        _feeBack += fee;
        return (discount, fee);
    }
}

/// <summary>A paid order and what can still go back of it, the card's part first.</summary>
internal sealed class OracleOrder(MoneyOracle oracle, Guid payment, Guid user, OrderedLine[] lines, long points)
{
    private long _cardLeft = lines.Sum(line => line.Amount) - points;

    public OracleLine[] Lines { get; } = [.. lines.Select(line => new OracleLine(line))];

    public long Card { get; } = lines.Sum(line => line.Amount) - points;

    public long Left => Lines.Sum(line => line.Left);

    /// <summary>False: all that was paid for these units went back before, or they are not there.</summary>
    public bool RefundUnits(OracleLine line, int units)
    {
        var amount = line.WorthOf(units);
        if (line.Units + units > line.Quantity || amount == 0) return false;

        line.Units += units;
        Refund([(line, amount)]);
        return true;
    }

    /// <summary>Spread over what is left of the lines; the odd units to the largest remainders.</summary>
    public bool RefundAmount(long amount)
    {
        var left = Left;
        if (amount > left) return false;
        if (amount == left) return RefundRest();

        var shares = Lines.ToDictionary(line => line, line => amount * line.Left / left);
        var odd = (int)(amount - shares.Values.Sum());
        var favoured = Lines.OrderByDescending(line => amount * line.Left % left).ThenBy(line => line.Product);
        foreach (var line in favoured.Take(odd).ToList()) shares[line]++;
        Refund([.. shares.Where(share => share.Value > 0).Select(share => (share.Key, share.Value))]);
        return true;
    }

    public bool RefundRest()
    {
        if (Left == 0) return false;

        var open = Lines.Where(line => line.Left > 0 || line.Units < line.Quantity).ToArray();
        foreach (var line in open) line.Units = line.Quantity;
        Refund([.. open.Select(line => (line, line.Left))]);
        return true;
    }

    private void Refund((OracleLine Line, long Amount)[] parts)
    {
        var amount = parts.Sum(part => part.Amount);
        var card = Math.Min(amount, _cardLeft);
        _cardLeft -= card;
        oracle.Refunded(payment, user, card, amount - card);
        foreach (var part in parts)
        {
            var (discount, fee) = part.Line.GiveBack(part.Amount);
            oracle.GaveBack(part.Line, part.Amount, discount, fee);
        }
    }
}
