using FsCheck;
using FsCheck.Fluent;

namespace Shop.Tests.Stock.Model;

/// <summary>
/// What a buyer does with one product, its seller, and time. <c>Pick</c> says which of the orders, or of the requests,
/// that there are by then, counted back from the newest; where there is none yet, nothing is done.
/// </summary>
internal abstract record Command
{
    private const int Orders = 12;

    /// <summary>More often what moves money, and so rarely out of stock that the rest is not starved.</summary>
    public static Gen<Command> Any { get; } = Gen.Frequency(
        (2, Gen.Choose(1, 4).Select(Command (int units) => new Receive(units))),
        (4, Gen.Choose(1, 4).Select(Command (int units) => new Place(units, Card: null))),
        (3, Gen.Choose(1, 4).Select(Command (int units) => new Place(units, "tok_ok"))),
        (1, Gen.Choose(1, 4).Select(Command (int units) => new Place(units, "tok_declined"))),
        (4, Picked(pick => new Pay(pick, "tok_ok"))),
        (3, Picked(pick => new Pay(pick, "tok_declined"))),
        (2, Picked(pick => new Cancel(pick, Restock: true))),
        (1, Picked(pick => new Cancel(pick, Restock: false))),
        (2, Picked(pick => new Expire(pick))),
        (2, Gen.Choose(1, 3).SelectMany(units => Picked(pick => new Refund(pick, units, Restock: true)))),
        (2, Gen.Choose(1, 3).SelectMany(units => Picked(pick => new Refund(pick, units, Restock: false)))),
        (3, Picked(pick => new Repeat(pick))),
        (1, Picked(pick => new Reuse(pick))),
        (1, Picked(pick => new Read(pick))),
        (1, Gen.Constant<Command>(new ReadProduct())));

    /// <summary>An order comes first, so that the other commands have something to be about.</summary>
    public static Gen<Life> Lives(int fewest, int most) =>
        Gen.Choose(fewest - 1, most - 1)
            .SelectMany(count => Gen.ListOf(Any, count))
            .SelectMany(rest => Gen.Elements("tok_ok", null).Select(card => new Life([new Place(2, card), .. rest])));

    // The newest three times out of four: old orders have mostly ended, and only say no.
    private static Gen<Command> Picked(Func<int, Command> command) =>
        Gen.Frequency((3, Gen.Constant(0)), (1, Gen.Choose(0, Orders - 1))).Select(command);

    /// <summary>The seller gets more of it.</summary>
    internal sealed record Receive(int Units) : Command;

    /// <summary>Without a card: to be paid later.</summary>
    internal sealed record Place(int Units, string? Card) : Command;

    internal sealed record Pay(int Pick, string Card) : Command;

    internal sealed record Cancel(int Pick, bool Restock) : Command;

    /// <summary>The time to pay the order is over, in whatever state it is.</summary>
    internal sealed record Expire(int Pick) : Command;

    /// <summary>Units of the order's last payment.</summary>
    internal sealed record Refund(int Pick, int Units, bool Restock) : Command;

    /// <summary>An earlier request once more, under its key.</summary>
    internal sealed record Repeat(int Pick) : Command;

    /// <summary>An earlier order's key with one unit more.</summary>
    internal sealed record Reuse(int Pick) : Command;

    internal sealed record Read(int Pick) : Command;

    internal sealed record ReadProduct : Command;
}

/// <summary>A sequence of commands as FsCheck prints it: to be read by whoever has to repeat it.</summary>
internal sealed class Life(IReadOnlyList<Command> commands)
{
    public IReadOnlyList<Command> Commands => commands;

    public override string ToString() => string.Join('\n', commands.Select((command, i) => $"{i + 1,2}. {command}"));
}

/// <summary>A request that carries an idempotency key; equal requests are equal bodies to the same address.</summary>
internal abstract record Request
{
    internal sealed record Place(int Units, string? Card) : Request;

    /// <param name="Order">The number of the order, by age.</param>
    internal sealed record Pay(int Order, string Card) : Request;

    /// <param name="Payment">The number of the order's payment, by age.</param>
    internal sealed record Refund(int Order, int Payment, int Units, bool Restock) : Request;
}
