using Shop.Ordering.Orders;

namespace Shop.Tests.Ordering;

/// <summary>Orders that go to the database without a request: of one line, of products that no shop has.</summary>
internal static class NewOrders
{
    public static NewOrder Of(Guid user, long unitPrice = 10, int quantity = 2)
    {
        var id = Guid.CreateVersion7();
        var line = new OrderLine(
            id, Guid.CreateVersion7(), 1, Guid.CreateVersion7(), "c", "n", unitPrice, quantity, 0,
            unitPrice * quantity);
        return new(id, user, [line], null, 60, null, null, null, null);
    }
}
