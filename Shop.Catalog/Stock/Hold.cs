namespace Shop.Catalog.Stock;

/// <summary>Where the hold of an order stands. It ends once, as <see cref="Hold.Decide"/> says.</summary>
internal enum HoldStatus
{
    Held,

    /// <summary>Paid: the units are sold.</summary>
    Committed,

    /// <summary>Given back: the order ended. Without lines: a tombstone that refuses a late reservation.</summary>
    Released,

    /// <summary>Given back because its time was over.</summary>
    Expired,
}

internal enum HoldCommand
{
    Release,
    Expire,
    Commit,
}

/// <summary>What a command did to a hold. A second resolution changes nothing and has a verdict of its own.</summary>
public enum HoldVerdict
{
    Released,
    Expired,
    Committed,

    /// <summary>The hold had ended, there was still enough, and the units were taken again: sold.</summary>
    Retaken,

    /// <summary>The hold had ended and there is not enough left: the order is owed its money.</summary>
    OutOfStock,
    AlreadyReleased,
    AlreadyExpired,
    AlreadyCommitted,

    /// <summary>
    /// Nothing is known of the order. Release and expire leave a tombstone, so that its reservation loses when it
    /// arrives late; commit leaves nothing.
    /// </summary>
    Unknown,
}

/// <summary>The state machine of a hold, as one table.</summary>
internal static class Hold
{
    /// <param name="status">Null: there is no row.</param>
    /// <param name="canRetake">
    /// The lines are known, no shortage was recorded for the order, and what it needs is available now.
    /// </param>
    /// <returns>The status to go to (null: stay) and the caller's verdict.</returns>
    public static (HoldStatus? Next, HoldVerdict Verdict) Decide(
        HoldStatus? status, HoldCommand command, bool canRetake) => (status, command) switch
    {
        (null, HoldCommand.Release) => (HoldStatus.Released, HoldVerdict.Unknown),
        (null, HoldCommand.Expire) => (HoldStatus.Expired, HoldVerdict.Unknown),
        (null, HoldCommand.Commit) => (null, HoldVerdict.Unknown),

        (HoldStatus.Held, HoldCommand.Release) => (HoldStatus.Released, HoldVerdict.Released),
        (HoldStatus.Held, HoldCommand.Expire) => (HoldStatus.Expired, HoldVerdict.Expired),
        (HoldStatus.Held, HoldCommand.Commit) => (HoldStatus.Committed, HoldVerdict.Committed),

        (HoldStatus.Committed, _) => (null, HoldVerdict.AlreadyCommitted),

        (HoldStatus.Released, HoldCommand.Release or HoldCommand.Expire) => (null, HoldVerdict.AlreadyReleased),
        (HoldStatus.Expired, HoldCommand.Release or HoldCommand.Expire) => (null, HoldVerdict.AlreadyExpired),

        (HoldStatus.Released or HoldStatus.Expired, HoldCommand.Commit) when canRetake =>
            (HoldStatus.Committed, HoldVerdict.Retaken),
        (HoldStatus.Released or HoldStatus.Expired, HoldCommand.Commit) => (null, HoldVerdict.OutOfStock),

        _ => throw new ArgumentOutOfRangeException(nameof(command), (status, command), "Not a state and command."),
    };

    public static string ToText(this HoldStatus status) => status switch
    {
        HoldStatus.Held => "HELD",
        HoldStatus.Committed => "COMMITTED",
        HoldStatus.Released => "RELEASED",
        HoldStatus.Expired => "EXPIRED",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };

    public static HoldStatus Parse(string text) => text switch
    {
        "HELD" => HoldStatus.Held,
        "COMMITTED" => HoldStatus.Committed,
        "RELEASED" => HoldStatus.Released,
        "EXPIRED" => HoldStatus.Expired,
        _ => throw new ArgumentOutOfRangeException(nameof(text), text, null),
    };
}
