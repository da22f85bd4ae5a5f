using System.Runtime.CompilerServices;
using Npgsql;

namespace Shop.ServiceDefaults.Proof;

/// <summary>A side of a comparison that is a table of one service.</summary>
/// <param name="sql">The columns <c>key</c> (uuid) and <c>facts</c> (text, null where not decided yet).</param>
public sealed class SqlFacts(NpgsqlDataSource source, string sql, ProofOptions options) : IFacts
{
    private readonly string _allSql = $"with side as ({sql}) select key, facts from side order by key";

    private readonly string _someSql = $"""
        with side as ({sql})
        select key, facts from side where key = any (@ids::uuid[]) order by key
        """;

    public IAsyncEnumerable<Fact> ReadAsync(CancellationToken ct) => ReadAsync(_allSql, [], ct);

    public IAsyncEnumerable<Fact> ReadAsync(IReadOnlyCollection<string> keys, CancellationToken ct) =>
        // What is no uuid is not a key of ours.
        ReadAsync(_someSql, [.. keys.Where(key => Guid.TryParse(key, out _))], ct);

    private async IAsyncEnumerable<Fact> ReadAsync(
        string text, string[] ids, [EnumeratorCancellation] CancellationToken ct)
    {
        await using var connection = await ProofConnection.OpenAsync(source, options, ct);
        await foreach (var fact in connection.StreamAsync(text, ids, ct)) yield return fact;
    }
}
