namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// For a statement that is its own transaction and writes what may be forgotten: its commit waits for no disk. A server
/// that crashes may lose the last of them, in order, and nothing else.
/// </summary>
internal static class Unflushed
{
    /// <summary>An expression to select in that statement; it counts for its transaction only.</summary>
    public const string Commit = "set_config('synchronous_commit', 'off', true)";
}
