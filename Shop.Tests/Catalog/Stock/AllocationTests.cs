using Shop.Catalog.Stock;

namespace Shop.Tests.Catalog.Stock;

public sealed class AllocationTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid A = Guid.Parse("00000000-0000-7000-8001-00000000000a");
    private static readonly Guid B = Guid.Parse("00000000-0000-7000-8001-00000000000b");
    private static readonly Guid Seller = Guid.Parse("00000000-0000-7000-8000-000000000001");
    private static readonly Guid User = Guid.CreateVersion7();

    [Fact]
    public void A_short_request_takes_nothing_and_leaves_the_rest_to_the_next()
    {
        var allocation = Of(known: [], Stocked(A, 3), Stocked(B, 1));
        var first = Wants((A, 3), (B, 2));
        var second = Wants((A, 3), (B, 1));

        Assert.Equal(
            ReserveStock.Response.Refused(ReserveStock.OutOfStock, B, 1), allocation.Decide(first));
        var taken = allocation.Decide(second);

        Assert.True(taken.Success);
        Assert.Equal(Now.AddSeconds(60), taken.ExpiresAt);
        Assert.Equal(
            [
                new(A, Seller, "tests", "thing", 700, 3, 0),
                new(B, Seller, "tests", "thing", 700, 1, 0),
            ],
            taken.Lines!);
        Assert.Equal([second.OrderId], allocation.AllTaken.Select(t => t.Request.OrderId));
    }

    [Fact]
    public void The_same_order_twice_in_one_batch_is_taken_once_and_answered_twice()
    {
        var allocation = Of(known: [], Stocked(A, 5));
        var request = Wants((A, 4));

        var first = allocation.Decide(request);
        var again = allocation.Decide(request);
        var other = allocation.Decide(request with { Lines = [new(A, 1)] });
        var stranger = allocation.Decide(request with { UserId = Guid.CreateVersion7() });

        Assert.Equal(first, again);
        Assert.Equal(ReserveStock.Response.Refused(ReserveStock.HoldEnded, null, null), other);
        Assert.Equal(ReserveStock.Response.Refused(ReserveStock.HoldEnded, null, null), stranger);
        Assert.Single(allocation.AllTaken);
    }

    [Theory]
    [InlineData(nameof(HoldStatus.Held), null)]
    [InlineData(nameof(HoldStatus.Committed), null)]
    [InlineData(nameof(HoldStatus.Released), ReserveStock.HoldEnded)]
    [InlineData(nameof(HoldStatus.Expired), ReserveStock.HoldEnded)]
    public void A_known_order_keeps_its_first_answer_while_the_units_are_its_own(string status, string? refusal)
    {
        var request = Wants((A, 2));
        ReserveStock.Line[] lines = [new(A, Seller, "old", "old name", 500, 2, 41)];
        var known = new Allocation.Known(Enum.Parse<HoldStatus>(status), User, Now.AddSeconds(-5), lines);
        var allocation = Of(new() { [request.OrderId] = known }, Stocked(A, 0));

        var expected = refusal is null
            ? ReserveStock.Response.Held(Now.AddSeconds(-5), lines)
            : ReserveStock.Response.Refused(refusal, null, null);

        Assert.Equal(expected, allocation.Decide(request));
        Assert.Empty(allocation.AllTaken);
    }

    [Fact]
    public void Unknown_and_unsold_products_are_named()
    {
        var allocation = Of(known: [], Stocked(A, 5), Stocked(B, 7, onSale: false));
        var unknown = Guid.CreateVersion7();

        Assert.Equal(
            ReserveStock.Response.Refused(ReserveStock.ProductUnknown, unknown, null),
            allocation.Decide(Wants((A, 1), (unknown, 1))));
        Assert.Equal(
            ReserveStock.Response.Refused(ReserveStock.ProductNotOnSale, B, 7),
            allocation.Decide(Wants((A, 1), (B, 1))));
        Assert.Empty(allocation.AllTaken);
    }

    private static Allocation Of(Dictionary<Guid, Allocation.Known> known, params Allocation.Product[] products) =>
        new(products.ToDictionary(product => product.Id), known, Now);

    private static Allocation.Product Stocked(Guid id, long available, bool onSale = true) =>
        new(id, Seller, "tests", "thing", 700, onSale) { Available = available };

    private static ReserveStock.Request Wants(params (Guid Product, int Quantity)[] lines) => new(
        Guid.CreateVersion7(), User,
        [.. lines.Select(line => new ReserveStock.WantedLine(line.Product, line.Quantity))], 60);
}
