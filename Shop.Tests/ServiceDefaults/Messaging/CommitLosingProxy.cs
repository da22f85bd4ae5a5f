using Npgsql;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>
/// Stands between a client and PostgreSQL. When told to, it cuts a connection instead of passing back that a
/// transaction is committed: the client can't know. Or it cuts the connection before a COMMIT is passed on: the client
/// knows as little, and nothing is kept.
/// </summary>
public sealed class CommitLosingProxy : CuttingProxy
{
    // What the client sends and the server answers, each with the end of its text: BEGIN TRANSACTION ISOLATION LEVEL
    // READ COMMITTED is no COMMIT.
    private static readonly byte[] Commit = "COMMIT\0"u8.ToArray();

    private readonly NpgsqlConnectionStringBuilder _target;
    private int _armed;
    private int _armedBefore;

    public CommitLosingProxy(string connectionString)
        : this(new NpgsqlConnectionStringBuilder(connectionString))
    {
    }

    private CommitLosingProxy(NpgsqlConnectionStringBuilder target)
        : base(target.Host!, target.Port) => _target = target;

    public string ConnectionString => new NpgsqlConnectionStringBuilder(_target.ConnectionString)
    {
        Host = "127.0.0.1",
        Port = Port,
        SslMode = SslMode.Disable,
        GssEncryptionMode = GssEncryptionMode.Disable,
    }.ConnectionString;

    public void LoseNextCommit() => Volatile.Write(ref _armed, 1);

    public void CutBeforeNextCommit() => Volatile.Write(ref _armedBefore, 1);

    protected override bool Cuts(Connection connection, Said said) =>
        said.Ends(Commit) && Interlocked.Exchange(ref said.ByClient ? ref _armedBefore : ref _armed, 0) == 1;
}
