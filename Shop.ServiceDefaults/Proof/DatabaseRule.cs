using Npgsql;

namespace Shop.ServiceDefaults.Proof;

/// <summary>A rule that one SQL statement can judge.</summary>
/// <param name="Sql">
/// One row for each thing that is checked: <c>id</c> (a uuid or text), <c>facts</c> (text, never null) and
/// <c>offends</c> (boolean). It may use the parameters of <see cref="ProofOptions"/>, such as @StuckSeconds.
/// </param>
/// <param name="Settles">See <see cref="IProofRule.Settles"/>.</param>
public sealed record SqlRule(string Name, string Promise, string Sql, bool Settles = false);

/// <summary>An <see cref="SqlRule"/> and the databases whose tables it speaks of; usually one.</summary>
public sealed class DatabaseRule(SqlRule rule, IReadOnlyList<NpgsqlDataSource> databases, ProofOptions options)
    : IProofRule
{
    private readonly string _findSql = $"""
        with checked as ({rule.Sql})
        select count(*) as checked, count(*) filter (where offends) as offending
          from checked
        """;

    private readonly string _suspectsSql = $"""
        with checked as ({rule.Sql})
        select id::text, facts from checked where offends order by id limit {Finding.MaxSuspects}
        """;

    private readonly string _againSql = $"""
        with checked as ({rule.Sql})
        select id::text, facts from checked where offends and id::text = any (@ids) order by id
        """;

    public string Name => rule.Name;

    public string Promise => rule.Promise;

    public bool Settles => rule.Settles;

    public async Task<Finding> FindAsync(CancellationToken ct)
    {
        var (seen, offending) = (0L, 0L);
        var suspects = new List<Suspect>();
        foreach (var database in databases)
        {
            await using var connection = await ProofConnection.OpenAsync(database, options, ct);
            var found = await connection.QuerySingleAsync<Counts>(_findSql, null, ct);
            seen += found.Checked;
            offending += found.Offending;
            // Almost always there are none, and counting alone lets PostgreSQL work without sorting.
            if (found.Offending == 0) continue;
            suspects.AddRange(await connection.QueryAsync<Suspect>(_suspectsSql, null, ct));
        }

        return new(seen, offending, suspects);
    }

    public async Task<IReadOnlyList<Suspect>> ReadAgainAsync(IReadOnlyCollection<string> ids, CancellationToken ct)
    {
        var suspects = new List<Suspect>();
        foreach (var database in databases)
        {
            await using var connection = await ProofConnection.OpenAsync(database, options, ct);
            suspects.AddRange(await connection.QueryAsync<Suspect>(_againSql, ids.ToArray(), ct));
        }

        return suspects;
    }

    private sealed record Counts(long Checked, long Offending);
}
