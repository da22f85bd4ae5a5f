using Shop.ServiceDefaults.Events;

namespace Shop.Catalog.Stock;

/// <summary>A locked stock row, and what this transaction changes of it.</summary>
internal sealed class StockLevel(Guid productId, long onHand, long reserved)
{
    public Guid ProductId => productId;

    public long OnHandChange { get; private set; }

    public long ReservedChange { get; private set; }

    public bool Changed => OnHandChange != 0 || ReservedChange != 0;

    public long Available => onHand + OnHandChange - reserved - ReservedChange;

    public void Release(long quantity) => ReservedChange -= quantity;

    public void Sell(long quantity, bool wasReserved)
    {
        OnHandChange -= quantity;
        if (wasReserved) ReservedChange -= quantity;
    }

    public void Restock(long quantity) => OnHandChange += quantity;
}

/// <summary>A locked reservation while its end is decided. Lines carry the units that no refund took out.</summary>
internal sealed class OpenHold(Guid orderId)
{
    public Guid OrderId => orderId;

    /// <summary>As it was read; null: there is no row.</summary>
    public HoldStatus? Before { get; private set; }

    public HoldStatus? Status { get; private set; }

    /// <summary>The version after this transaction.</summary>
    public long Version { get; private set; }

    public bool WasShort { get; private set; }

    public bool NewlyShort { get; private set; }

    public List<StockLine> Lines { get; } = [];

    public IEnumerable<StockLine> OpenLines => Lines.Where(line => line.Quantity > 0);

    public bool Ended => Status != Before;

    public bool Sold => Ended && Status == HoldStatus.Committed;

    public void Read(HoldStatus status, long version, bool wasShort)
    {
        Before = status;
        Status = status;
        Version = version;
        WasShort = wasShort;
    }

    public void End(HoldStatus status)
    {
        Status = status;
        Version++;
    }

    public void RunShort() => NewlyShort = true;
}

/// <summary>Ends holds in memory, one command after the other, over rows that are locked. Pure.</summary>
internal sealed class HoldResolution(
    IReadOnlyDictionary<Guid, StockLevel> stock, IReadOnlyDictionary<Guid, OpenHold> holds)
{
    public HoldVerdict Decide(Guid orderId, HoldCommand command)
    {
        var hold = holds[orderId];
        var wasHeld = hold.Status == HoldStatus.Held;
        var (next, verdict) = Hold.Decide(hold.Status, command, CanRetake(hold));
        if (verdict == HoldVerdict.OutOfStock && !hold.WasShort) hold.RunShort();
        if (next is not { } status) return verdict;

        foreach (var line in hold.OpenLines)
        {
            var level = stock[line.ProductId];
            if (status == HoldStatus.Committed) level.Sell(line.Quantity, wasHeld);
            else level.Release(line.Quantity);
        }

        hold.End(status);
        return verdict;
    }

    private bool CanRetake(OpenHold hold) =>
        hold is { WasShort: false, NewlyShort: false, Lines.Count: > 0 }
        && hold.OpenLines.All(line => stock[line.ProductId].Available >= line.Quantity);
}
