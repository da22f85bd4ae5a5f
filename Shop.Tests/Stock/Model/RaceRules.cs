namespace Shop.Tests.Stock.Model;

/// <summary>Two lives at the same time, on one product.</summary>
internal sealed record Duel(Life One, Life Other)
{
    public override string ToString() => $"{One}\nagainst\n{Other}";
}

/// <summary>
/// What must hold however two buyers meet: nothing that depends on who was faster. Each command has answers that it may
/// get; an order may only move along the arrows of the design; and at rest its books agree with its state.
/// </summary>
internal static class RaceRules
{
    private static readonly HashSet<string> Arrows =
    [
        "CREATED PAYMENT_PENDING", "CREATED CANCELLED", "CREATED EXPIRED",
        "PAYMENT_PENDING CREATED", "PAYMENT_PENDING CANCELLED", "PAYMENT_PENDING PAID",
        "PAID PARTIALLY_REFUNDED", "PAID REFUNDED",
        "PARTIALLY_REFUNDED PARTIALLY_REFUNDED", "PARTIALLY_REFUNDED REFUNDED",
        // Cancelling was asked for: the state is written again, with the wish.
        "PAYMENT_PENDING PAYMENT_PENDING", "PAID PAID",
    ];

    public static bool Allows(Step step, Seen seen) => (step.Command, step.Request, seen.Status, seen.Problem) switch
    {
        (Command.Receive or Command.Read or Command.ReadProduct, _, 200, null) => true,
        (Command.Cancel, _, 200 or 202, null) => true,
        (Command.Cancel, _, 409, "order-expired") => true,
        (Command.Repeat or Command.Reuse, Request.Place, 422, "idempotency-key-reused") => true,
        (_, Request.Place, 201 or 202, null) => true,
        (_, Request.Place { Card: "tok_declined" }, 402, "payment-declined") => true,
        (_, Request.Place, 409, "out-of-stock") => true,
        (_, Request.Pay, 202, null) => true,
        (_, Request.Pay, 409, "payment-in-flight" or "order-not-payable" or "order-expired") => true,
        (_, Request.Refund, 202, null) => true,
        (_, Request.Refund, 409,
            "payment-not-completed" or "refund-exceeds-payment" or "order-not-refundable" or "order-being-cancelled"
            or "order-refunded") => true,
        _ => false,
    };

    /// <summary>At any moment: what came is on the shelf or was sold, and what is held is there.</summary>
    public static void AssertNothingLost(Shelf shelf)
    {
        Assert.True(shelf.OnHand == shelf.Received - shelf.Sold + shelf.Restocked, $"Lost or made: {shelf}");
        Assert.True(shelf.Reserved == shelf.Held, $"Held by nobody or for nothing: {shelf}");
        Assert.True(shelf.Held >= 0 && shelf.Held <= shelf.OnHand, $"Oversold: {shelf}");
    }

    /// <summary>What is wrong or not over yet with an order; null at rest.</summary>
    public static string? Complaint(OrderBooks books, bool mustExpire)
    {
        var states = books.States.Split(' ');
        if (states[0] is not ("CREATED" or "PAYMENT_PENDING")) return $"born {states[0]}";
        if (states[^1] != books.State) return "its last transition is not its state";
        foreach (var (from, to) in states.Zip(states.Skip(1)))
        {
            if (!Arrows.Contains($"{from} {to}")) return $"{from} to {to}";
        }

        if (IsOpen(books.Attempts, books.RefundAttempts, books.Payments, books.Refunds)) return "not over yet";
        if (books.CancelRequested && books.State is not ("REFUNDED" or "CANCELLED")) return "to be cancelled";
        if (mustExpire && books.State == "CREATED") return "to be expired";

        var completed = Count(books.Payments, "COMPLETED");
        if (completed != (books.WasPaid ? 1 : 0) || completed != Count(books.Attempts, "COMPLETED")) return "payments";
        if (books.WasPaid && (books.Captures != 1 || books.Captured != books.Total)) return "not captured once";
        if (!books.WasPaid && books.Captured != books.Returned) return "money for nothing";
        if (books.RefundedAmount != books.Returned) return "refunds";
        if (books.Returns != Count(books.Refunds, "COMPLETED")) return "refunds";
        if (books.WasPaid && books.State != StateOf(books)) return $"it should be {StateOf(books)}";

        var hold = books.WasPaid ? "COMMITTED" : books.State == "CREATED" ? "HELD" : "ENDED";
        if (books.Hold != hold) return $"its hold should be {hold}";
        // A refund that overtakes the sale takes its units out of it: then they are neither sold nor restocked.
        var kept = books.WasPaid ? books.Units - books.GivenBack : 0;
        return books.GivenBack == books.UnitsToRestock && books.Sold - books.Restocked == kept ? null : "units";
    }

    private static string StateOf(OrderBooks books) =>
        books.Returned == 0 ? "PAID" : books.Returned < books.Total ? "PARTIALLY_REFUNDED" : "REFUNDED";

    private static bool IsOpen(params string[] lists) => lists.Any(
        list => Count(list, "REQUESTED") + Count(list, "PROCESSING") > 0);

    private static int Count(string list, string word) =>
        list.Split(' ', StringSplitOptions.RemoveEmptyEntries).Count(item => item == word);
}
