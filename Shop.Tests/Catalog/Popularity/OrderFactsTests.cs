using Shop.Catalog.Popularity;

namespace Shop.Tests.Catalog.Popularity;

/// <summary>The pure rule of what an order adds to the sums.</summary>
public sealed class OrderFactsTests
{
    private static readonly DateOnly Day = new(2026, 11, 25);
    private static readonly Guid Order = Id(1_000);

    [Fact]
    public void Net_is_what_was_sold_less_what_came_back()
    {
        var purchase = new OrderFacts(
            Day, [Sale(1, 3, 900), Sale(2, 1, 50), Refund(7, 1, 1, 300), Refund(8, 1, 0, 100), Refund(8, 2, 1, 50)]);

        Assert.Equal([(Id(1), 2, 500), (Id(2), 0, 0)], purchase.Net());
        Assert.Empty(purchase.Pairs());
    }

    [Fact]
    public void Each_pair_is_there_both_ways_round_and_never_with_itself()
    {
        var purchase = new OrderFacts(Day, [Sale(1, 1, 1), Sale(2, 5, 1), Sale(3, 1, 1)]);

        Assert.Equal(
            [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)],
            purchase.Pairs().Select(pair => (Number(pair.ProductId), Number(pair.OtherId))));
    }

    [Fact]
    public void A_big_order_pairs_a_bounded_number_of_its_products_also_after_a_refund()
    {
        Fact[] sales = [.. Enumerable.Range(1, 100).Select(product => Sale(product, 1, 1))];

        Assert.Equal(20 * 19, new OrderFacts(Day, sales).Pairs().Count());
        // The 21st does not move up when the first goes: what is counted of an order only shrinks.
        Assert.Equal(19 * 18, new OrderFacts(Day, [.. sales, Refund(7, 1, 1, 1)]).Pairs().Count());
    }

    [Fact]
    public void Adding_and_taking_back_leaves_nothing()
    {
        var (before, after) = (
            new OrderFacts(Day, [Sale(1, 2, 200), Sale(2, 1, 100)]),
            new OrderFacts(Day, [Sale(1, 2, 200), Sale(2, 1, 100), Refund(7, 2, 1, 100)]));
        var tally = new Tally();
        tally.TakeBack(before);
        tally.Add(after);

        Assert.Equal([(Day, Id(2), -1, -100)], tally.Days());
        Assert.Equal([(Id(1), Id(2), -1), (Id(2), Id(1), -1)], tally.Pairs());
        tally.TakeBack(after);
        tally.Add(before);
        Assert.Empty(tally.Days());
        Assert.Empty(tally.Pairs());
    }

    private static Fact Sale(int product, int quantity, long amount) =>
        new(Order, Id(product), Order, quantity, amount);

    private static Fact Refund(int refund, int product, int quantity, long amount) =>
        new(Order, Id(product), Id(refund), -quantity, -amount);

    private static Guid Id(int number) => new(number, 0, 0, new byte[8]);

    private static int Number(Guid id) => BitConverter.ToInt32(id.ToByteArray());
}
