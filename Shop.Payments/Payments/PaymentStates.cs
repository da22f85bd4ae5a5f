namespace Shop.Payments.Payments;

/// <summary>
/// REQUESTED -> PROCESSING -> COMPLETED or FAILED. ABANDONED is a tombstone: somebody asked about an id that was not
/// there, and now it never will be.
/// </summary>
public enum PaymentStatus
{
    Requested,
    Processing,
    Completed,
    Failed,
    Abandoned,
}

internal enum PaymentCommand
{
    /// <summary>The processor is about to be called.</summary>
    Start,

    /// <summary>The processor has the money.</summary>
    Capture,

    /// <summary>The processor has said that it has not and never will.</summary>
    Fail,

    /// <summary>The order no longer wants it.</summary>
    Withdraw,
}

/// <summary>What a payment says to a command.</summary>
internal enum PaymentVerdict
{
    /// <summary>The state changed.</summary>
    Applied,

    /// <summary>The state already shows it; nothing was changed.</summary>
    AlreadyApplied,

    /// <summary>No money can have been taken yet: whoever starts the payment will find out.</summary>
    NotYet,

    /// <summary>The payment ended otherwise; nothing was changed.</summary>
    TooLate,

    /// <summary>The processor may have the money: only a void by key can tell.</summary>
    MustVoid,

    /// <summary>Money came for a payment that had ended: it was recorded and is owed back.</summary>
    RefundOwed,

    /// <summary>The processor speaks of another amount than was asked for. Nothing was changed.</summary>
    AmountDiffers,

    /// <summary>There is no such payment.</summary>
    Unknown,
}

/// <summary>The state machine of a payment: every pair of state and command, legal or not.</summary>
internal static class PaymentStates
{
    public static (PaymentVerdict Verdict, PaymentStatus Next) Decide(PaymentStatus status, PaymentCommand command) =>
        (status, command) switch
        {
            (PaymentStatus.Requested, PaymentCommand.Start) => (PaymentVerdict.Applied, PaymentStatus.Processing),
            (PaymentStatus.Requested, PaymentCommand.Capture) => (PaymentVerdict.NotYet, status),
            (PaymentStatus.Requested, PaymentCommand.Fail) => (PaymentVerdict.NotYet, status),
            (PaymentStatus.Requested, PaymentCommand.Withdraw) => (PaymentVerdict.Applied, PaymentStatus.Failed),

            (PaymentStatus.Processing, PaymentCommand.Start) => (PaymentVerdict.AlreadyApplied, status),
            (PaymentStatus.Processing, PaymentCommand.Capture) => (PaymentVerdict.Applied, PaymentStatus.Completed),
            (PaymentStatus.Processing, PaymentCommand.Fail) => (PaymentVerdict.Applied, PaymentStatus.Failed),
            (PaymentStatus.Processing, PaymentCommand.Withdraw) => (PaymentVerdict.MustVoid, status),

            (PaymentStatus.Completed, PaymentCommand.Start) => (PaymentVerdict.AlreadyApplied, status),
            (PaymentStatus.Completed, PaymentCommand.Capture) => (PaymentVerdict.AlreadyApplied, status),
            (PaymentStatus.Completed, PaymentCommand.Fail) => (PaymentVerdict.TooLate, status),
            (PaymentStatus.Completed, PaymentCommand.Withdraw) => (PaymentVerdict.TooLate, status),

            (PaymentStatus.Failed or PaymentStatus.Abandoned, PaymentCommand.Start) => (PaymentVerdict.TooLate, status),
            (PaymentStatus.Failed or PaymentStatus.Abandoned, PaymentCommand.Capture) =>
                (PaymentVerdict.RefundOwed, status),
            (PaymentStatus.Failed or PaymentStatus.Abandoned, PaymentCommand.Fail) =>
                (PaymentVerdict.AlreadyApplied, status),
            (PaymentStatus.Failed or PaymentStatus.Abandoned, PaymentCommand.Withdraw) =>
                (PaymentVerdict.AlreadyApplied, status),

            _ => throw new ArgumentOutOfRangeException(nameof(command), $"{status}, {command}"),
        };

    /// <summary>The status as the database and the answers spell it.</summary>
    public static string Name(this PaymentStatus status) => status.ToString().ToUpperInvariant();
}
