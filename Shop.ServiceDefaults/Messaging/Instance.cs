namespace Shop.ServiceDefaults.Messaging;

internal static class Instance
{
    /// <summary>
    /// A name that no other instance ever had: two replicas under one consumer name would take each other's entries.
    /// </summary>
    public static string NewName() => $"{Environment.MachineName}-{Environment.ProcessId}-{Guid.CreateVersion7():N}";
}

internal static class Delays
{
    /// <summary>Pauses, or returns at once when the host stops.</summary>
    public static async Task PauseAsync(TimeSpan pause, TimeProvider clock, CancellationToken ct)
    {
        try
        {
            await Task.Delay(pause, clock, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The caller's loop looks at the token.
        }
    }
}
