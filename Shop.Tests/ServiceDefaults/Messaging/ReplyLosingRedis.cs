using System.Globalization;
using System.Text;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>
/// Stands between a client and Redis. When told to, it passes the next such command on, waits for the server's answer,
/// and cuts the connection instead of passing that back: the client can't know that it was done.
/// </summary>
internal sealed class ReplyLosingRedis : CuttingProxy
{
    private readonly string _options;
    private byte[]? _armed;

    /// <param name="connectionString">Of the real one: its first part is <c>host:port</c>.</param>
    public ReplyLosingRedis(string connectionString)
        : this(connectionString.Split(',', 2))
    {
    }

    private ReplyLosingRedis(string[] parts)
        : base(parts[0].Split(':')[0], int.Parse(parts[0].Split(':')[1], CultureInfo.InvariantCulture)) =>
        _options = parts.Length == 2 ? $",{parts[1]}" : "";

    public string ConnectionString => $"127.0.0.1:{Port}{_options}";

    public void LoseNextReplyTo(string command) =>
        Volatile.Write(ref _armed, Encoding.ASCII.GetBytes($"\r\n{command}\r\n"));

    protected override bool Cuts(Connection connection, Said said)
    {
        if (said.ByClient && IsWanted(said)) connection.IsLosing = true;
        return !said.ByClient && connection.IsLosing;
    }

    private bool IsWanted(Said said) =>
        Volatile.Read(ref _armed) is { } armed && said.Ends(armed)
        && Interlocked.CompareExchange(ref _armed, null, armed) == armed;
}
