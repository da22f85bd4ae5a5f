using Npgsql;

namespace Shop.Catalog.Stock;

/// <summary>
/// Decides reservations in memory, in the order they arrived, each all or nothing, from stock rows that this
/// transaction has locked and the reservations that these orders have already. Pure: the caller writes what was taken.
/// </summary>
/// <param name="stock">The locked rows by product id. A product without one does not exist.</param>
/// <param name="known">The reservations there are, by order id. Those decided here are added.</param>
internal sealed class Allocation(
    IReadOnlyDictionary<Guid, Allocation.Product> stock, Dictionary<Guid, Allocation.Known> known, DateTimeOffset now)
{
    private readonly List<Taken> _taken = [];

    /// <summary>A product as it stands now; the units are counted down as requests take them.</summary>
    public sealed class Product(Guid id, Guid sellerId, string category, string name, long unitPrice, bool onSale)
    {
        /// <summary>From a row of product, available, seller, category, name, unit price, on sale or not.</summary>
        public static Product From(NpgsqlDataReader row) => new(
            row.GetGuid(0), row.GetGuid(2), row.GetString(3), row.GetString(4), row.GetInt64(5), row.GetBoolean(6))
        {
            Available = row.GetInt64(1),
        };

        public required long Available { get; set; }

        public long NewlyReserved { get; set; }

        public Guid Id => id;

        public bool OnSale => onSale;

        public ReserveStock.Line Snapshot(int quantity) =>
            new(id, sellerId, category, name, unitPrice, quantity, Available);
    }

    /// <summary>A reservation as it was answered. A tombstone has neither user nor lines.</summary>
    public sealed record Known(
        HoldStatus Status, Guid? UserId, DateTimeOffset? ExpiresAt, IReadOnlyList<ReserveStock.Line> Lines);

    public sealed record Taken(
        ReserveStock.Request Request, DateTimeOffset ExpiresAt, IReadOnlyList<ReserveStock.Line> Lines);

    /// <summary>What was newly reserved, in the order of the decisions.</summary>
    public IReadOnlyList<Taken> AllTaken => _taken;

    public ReserveStock.Response Decide(ReserveStock.Request request)
    {
        if (known.TryGetValue(request.OrderId, out var before)) return Again(request, before);

        foreach (var wanted in request.Lines)
        {
            if (!stock.TryGetValue(wanted.ProductId, out var product))
            {
                return ReserveStock.Response.Refused(ReserveStock.ProductUnknown, wanted.ProductId, null);
            }

            if (!product.OnSale)
            {
                return ReserveStock.Response.Refused(
                    ReserveStock.ProductNotOnSale, wanted.ProductId, product.Available);
            }

            if (product.Available < wanted.Quantity)
            {
                return ReserveStock.Response.Refused(ReserveStock.OutOfStock, wanted.ProductId, product.Available);
            }
        }

        return Take(request);
    }

    private ReserveStock.Response Take(ReserveStock.Request request)
    {
        var lines = new ReserveStock.Line[request.Lines.Count];
        for (var i = 0; i < lines.Length; i++)
        {
            var product = stock[request.Lines[i].ProductId];
            product.Available -= request.Lines[i].Quantity;
            product.NewlyReserved += request.Lines[i].Quantity;
            lines[i] = product.Snapshot(request.Lines[i].Quantity);
        }

        var expiresAt = now.AddSeconds(request.TtlSeconds);
        _taken.Add(new(request, expiresAt, lines));
        known.Add(request.OrderId, new(HoldStatus.Held, request.UserId, expiresAt, lines));
        return ReserveStock.Response.Held(expiresAt, lines);
    }

    /// <summary>The same order again: its first answer, if it asks for the same and still has the units.</summary>
    private static ReserveStock.Response Again(ReserveStock.Request request, Known before)
    {
        if (before.Status is HoldStatus.Released or HoldStatus.Expired)
        {
            return ReserveStock.Response.Refused(ReserveStock.HoldEnded, null, null);
        }

        var same = before.UserId == request.UserId
            && before.Lines.Count == request.Lines.Count
            && request.Lines.All(wanted => before.Lines.Any(
                line => line.ProductId == wanted.ProductId && line.Quantity == wanted.Quantity));
        return same
            ? ReserveStock.Response.Held(before.ExpiresAt!.Value, before.Lines)
            : ReserveStock.Response.Refused(ReserveStock.HoldEnded, null, null);
    }
}
