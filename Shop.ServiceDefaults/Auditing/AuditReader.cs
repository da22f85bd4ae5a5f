using Dapper;
using Npgsql;

namespace Shop.ServiceDefaults.Auditing;

/// <summary>Reads the audit logs of the databases that this process has, newest first.</summary>
public sealed class AuditReader(IEnumerable<AuditedDatabase> databases)
{
    private const string SelectSql = """
        select id, at, actor, act, target, trace_id
          from audit_log
         where @Before::bigint is null or id < @Before
         order by id desc
         limit @Limit
        """;

    public IReadOnlyCollection<string> Databases { get; } = [.. databases.Select(database => database.Name)];

    /// <param name="before">The id of the last entry seen, or null for the newest.</param>
    /// <returns>Null: this process has no such database.</returns>
    public async Task<IReadOnlyList<AuditEntry>?> ReadAsync(
        string database, long? before, int limit, CancellationToken ct)
    {
        if (databases.FirstOrDefault(known => known.Name == database) is not { } found) return null;
        await using var connection = await found.Source.OpenConnectionAsync(ct);
        return (await connection.QueryAsync<AuditEntry>(new CommandDefinition(
            SelectSql, new { Before = before, Limit = limit }, cancellationToken: ct))).AsList();
    }
}

/// <param name="Name">Name of the connection string, such as <c>identitydb</c>.</param>
public sealed record AuditedDatabase(string Name, NpgsqlDataSource Source);

public sealed record AuditEntry(long Id, DateTimeOffset At, string Actor, string Act, string Target, string? TraceId);
