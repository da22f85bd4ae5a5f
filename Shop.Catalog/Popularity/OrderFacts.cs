namespace Shop.Catalog.Popularity;

/// <summary>Units and minor units of one product in one order, from one source.</summary>
/// <param name="SourceId">The order itself: sold, positive. Or a refund of it: taken back, negative or zero.</param>
internal sealed record Fact(Guid OrderId, Guid ProductId, Guid SourceId, int Quantity, long Amount)
{
    public bool IsSale => SourceId == OrderId;
}

/// <summary>
/// The facts of one order and what they add to the sums: a pure function of them, so that the order in which they came
/// means nothing. <see cref="RebuildPopularity"/> says the same in SQL.
/// </summary>
/// <param name="Day">The business day it was paid on.</param>
internal sealed record OrderFacts(DateOnly Day, IReadOnlyList<Fact> Facts)
{
    /// <summary>Products of one order that are paired with each other: at most 20 x 19 rows are touched.</summary>
    public const int MaxPaired = 20;

    /// <summary>What is left of each product after the refunds.</summary>
    public IEnumerable<(Guid ProductId, long Quantity, long Amount)> Net() =>
        from fact in Facts
        group fact by fact.ProductId into product
        select (product.Key, product.Sum(f => (long)f.Quantity), product.Sum(f => f.Amount));

    /// <summary>
    /// Products of the order that were bought together, each pair both ways round. The bound is set on what was sold,
    /// so that a refund only takes pairs away.
    /// </summary>
    public IEnumerable<(Guid ProductId, Guid OtherId)> Pairs()
    {
        var paired = Facts.Where(f => f.IsSale).Select(f => f.ProductId).Order().Take(MaxPaired).ToHashSet();
        var kept = Net().Where(p => p.Quantity > 0 && paired.Contains(p.ProductId)).Select(p => p.ProductId).ToArray();
        return from product in kept
               from other in kept
               where product != other
               select (product, other);
    }
}

/// <summary>What changes in the sums.</summary>
internal sealed class Tally
{
    private readonly Dictionary<(DateOnly Day, Guid ProductId), (long Quantity, long Amount)> _days = [];
    private readonly Dictionary<(Guid ProductId, Guid OtherId), long> _pairs = [];

    public void Add(OrderFacts order) => Change(order, 1);

    public void TakeBack(OrderFacts order) => Change(order, -1);

    /// <summary>Sorted, so that two transactions lock the sums in one order.</summary>
    public IReadOnlyList<(DateOnly Day, Guid ProductId, long Quantity, long Amount)> Days() =>
    [
        .. from day in _days
           where day.Value != default
           orderby day.Key.Day, day.Key.ProductId
           select (day.Key.Day, day.Key.ProductId, day.Value.Quantity, day.Value.Amount),
    ];

    public IReadOnlyList<(Guid ProductId, Guid OtherId, long Orders)> Pairs() =>
    [
        .. from pair in _pairs
           where pair.Value != 0
           orderby pair.Key.ProductId, pair.Key.OtherId
           select (pair.Key.ProductId, pair.Key.OtherId, pair.Value),
    ];

    private void Change(OrderFacts order, int sign)
    {
        foreach (var (product, quantity, amount) in order.Net())
        {
            var (q, a) = _days.GetValueOrDefault((order.Day, product));
            _days[(order.Day, product)] = (q + (sign * quantity), a + (sign * amount));
        }

        foreach (var pair in order.Pairs()) _pairs[pair] = _pairs.GetValueOrDefault(pair) + sign;
    }
}
