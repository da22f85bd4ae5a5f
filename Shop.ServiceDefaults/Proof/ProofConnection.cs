using System.Runtime.CompilerServices;
using Dapper;
using Npgsql;
using OpenTelemetry;

namespace Shop.ServiceDefaults.Proof;

/// <summary>
/// One read-only snapshot of one database. The proof reads whole tables, so it has more time and more memory than the
/// short statements of the shop.
/// </summary>
internal sealed class ProofConnection : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;
    private readonly ProofOptions _options;

    private ProofConnection(NpgsqlConnection connection, NpgsqlTransaction transaction, ProofOptions options)
    {
        _connection = connection;
        _transaction = transaction;
        _options = options;
    }

    public static async Task<ProofConnection> OpenAsync(
        NpgsqlDataSource source, ProofOptions options, CancellationToken ct)
    {
        using var quiet = SuppressInstrumentationScope.Begin();
        var connection = await source.OpenConnectionAsync(ct);
        try
        {
            var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, ct);
            // Several rules run beside one another already, and the parallel plan of one that joins to sums makes all
            // the sums in each of its processes.
            await connection.ExecuteAsync(new CommandDefinition(
                $"""
                 set transaction read only;
                 set local statement_timeout = '{options.StatementTimeoutSeconds}s';
                 set local work_mem = '{options.WorkMemoryMegabytes}MB';
                 set local max_parallel_workers_per_gather = 0
                 """,
                cancellationToken: ct));
            return new(connection, transaction, options);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public Task<T> QuerySingleAsync<T>(string sql, string[]? ids, CancellationToken ct) =>
        _connection.QuerySingleAsync<T>(Command(sql, ids, ct));

    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, string[]? ids, CancellationToken ct) =>
        (await _connection.QueryAsync<T>(Command(sql, ids, ct))).AsList();

    /// <summary>The rows (key, facts) of a statement, one after the other: only a buffer is in memory.</summary>
    public async IAsyncEnumerable<Fact> StreamAsync(
        string sql, string[] ids, [EnumeratorCancellation] CancellationToken ct)
    {
        using var quiet = SuppressInstrumentationScope.Begin();
        await using var reader = await _connection.ExecuteReaderAsync(Command(sql, ids, ct));
        while (await reader.ReadAsync(ct))
        {
            yield return new(reader.GetGuid(0).ToString(), reader.IsDBNull(1) ? null : reader.GetString(1));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _transaction.DisposeAsync();
        await _connection.DisposeAsync();
    }

    private CommandDefinition Command(string sql, string[]? ids, CancellationToken ct) => new(
        sql,
        new
        {
            ids = ids ?? [],
            _options.StuckSeconds,
            _options.SettledSeconds,
            _options.MaxRefundTries,
        },
        commandTimeout: _options.StatementTimeoutSeconds + 2,
        cancellationToken: ct);
}
