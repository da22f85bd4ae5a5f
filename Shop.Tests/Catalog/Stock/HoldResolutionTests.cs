using FsCheck;
using FsCheck.Fluent;
using Shop.Catalog.Stock;

namespace Shop.Tests.Catalog.Stock;

/// <summary>Any sequence of commands over a few orders and two products, against a model that only counts.</summary>
public sealed class HoldResolutionTests
{
    private const int Orders = 4;
    private static readonly Guid A = Guid.Parse("00000000-0000-7000-8001-00000000000a");
    private static readonly Guid B = Guid.Parse("00000000-0000-7000-8001-00000000000b");

    [Fact]
    public void Units_are_on_hand_held_or_sold_after_any_sequence_of_commands() =>
        Prop.ForAll<byte[]>(bytes => Run(bytes)).QuickCheckThrowOnFailure();

    // All orders start HELD with 2 of A and 1 of B; a byte is an order and a command.
    private static bool Run(byte[] bytes)
    {
        var (a, b) = (new StockLevel(A, Orders * 2, Orders * 2), new StockLevel(B, Orders, Orders));
        var holds = Enumerable.Range(0, Orders).Select(_ => Held()).ToDictionary(hold => hold.OrderId);
        var ids = holds.Keys.ToArray();
        var resolution = new HoldResolution(new Dictionary<Guid, StockLevel> { [A] = a, [B] = b }, holds);
        var model = ids.ToDictionary(id => id, _ => HoldStatus.Held);

        foreach (var value in bytes)
        {
            var id = ids[value % Orders];
            var command = (HoldCommand)(value / Orders % 3);
            var verdict = resolution.Decide(id, command);
            if (verdict != Expected(model[id], command)) return false;
            if (model[id] == HoldStatus.Held || command == HoldCommand.Commit) model[id] = After(command);
            if (holds[id].Status != model[id]) return false;
        }

        var sold = model.Values.Count(status => status == HoldStatus.Committed);
        var open = model.Values.Count(status => status == HoldStatus.Held);
        return a.OnHandChange == -2 * sold && b.OnHandChange == -sold
            && a.ReservedChange == 2 * (open - Orders) && b.ReservedChange == open - Orders
            && a.Available == 2 * (Orders - sold - open) && b.Available == Orders - sold - open;
    }

    // Nobody else takes units here, so an ended hold can always be taken again.
    private static HoldVerdict Expected(HoldStatus status, HoldCommand command) => (status, command) switch
    {
        (HoldStatus.Held, HoldCommand.Release) => HoldVerdict.Released,
        (HoldStatus.Held, HoldCommand.Expire) => HoldVerdict.Expired,
        (HoldStatus.Held, HoldCommand.Commit) => HoldVerdict.Committed,
        (HoldStatus.Committed, _) => HoldVerdict.AlreadyCommitted,
        (_, HoldCommand.Commit) => HoldVerdict.Retaken,
        (HoldStatus.Released, _) => HoldVerdict.AlreadyReleased,
        _ => HoldVerdict.AlreadyExpired,
    };

    private static HoldStatus After(HoldCommand command) => command switch
    {
        HoldCommand.Release => HoldStatus.Released,
        HoldCommand.Expire => HoldStatus.Expired,
        _ => HoldStatus.Committed,
    };

    private static OpenHold Held()
    {
        var hold = new OpenHold(Guid.CreateVersion7());
        hold.Read(HoldStatus.Held, 1, wasShort: false);
        hold.Lines.AddRange([new(A, 2), new(B, 1)]);
        return hold;
    }
}
