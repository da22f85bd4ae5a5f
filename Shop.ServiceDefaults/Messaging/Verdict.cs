namespace Shop.ServiceDefaults.Messaging;

/// <summary>What a handler says of an event, judged by its own database's rows alone.</summary>
public enum Verdict
{
    /// <summary>The effect is in this transaction.</summary>
    Applied,

    /// <summary>The state already shows the effect; nothing was changed.</summary>
    AlreadyApplied,

    /// <summary>
    /// Something it stands on has not arrived. Nothing is kept, not even the inbox row; it is tried again with growing
    /// pauses, limited by time and not by attempts, and later events of its key wait.
    /// </summary>
    NotYet,

    /// <summary>The world moved on. The handler has put its compensation into this transaction.</summary>
    TooLate,
}
