using Dapper;
using Npgsql;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.ServiceDefaults.Data;

/// <summary>
/// One open transaction of a service's database: hand-written SQL through Dapper, and the events that commit with it.
/// </summary>
public sealed class Transaction<TDb>
{
    private readonly CancellationToken _ct;
    private readonly List<(NpgsqlBatchCommand Statement, Action<NpgsqlDataReader>? Read)> _last = [];
    private readonly List<OutboxRow> _events = [];

    internal Transaction(NpgsqlConnection connection, TimeProvider clock, CancellationToken ct)
    {
        Connection = connection;
        Clock = clock;
        _ct = ct;
    }

    public NpgsqlConnection Connection { get; }

    public TimeProvider Clock { get; }

    /// <summary>The clock at PostgreSQL's resolution, microseconds, so that what is stored reads back equal.</summary>
    public DateTimeOffset Now => Clock.GetUtcNow().ToMicroseconds();

    internal bool Refused { get; private set; }

    /// <summary>The number of events.</summary>
    internal int Published => _events.Count;

    /// <summary>Runs a statement and answers the number of rows it changed: check it.</summary>
    public Task<int> ExecuteAsync(string sql, object? parameters = null) =>
        Connection.ExecuteAsync(new CommandDefinition(sql, parameters, cancellationToken: _ct));

    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? parameters = null) =>
        (await Connection.QueryAsync<T>(new CommandDefinition(sql, parameters, cancellationToken: _ct))).AsList();

    /// <summary>The one row of the answer, or null. More than one is a bug and throws.</summary>
    public Task<T?> QuerySingleOrDefaultAsync<T>(string sql, object? parameters = null) =>
        Connection.QuerySingleOrDefaultAsync<T>(new CommandDefinition(sql, parameters, cancellationToken: _ct));

    /// <summary>
    /// Adds a statement that goes out with the events and the COMMIT, in one round trip: what needs no answer, since a
    /// constraint fails it wherever it would be wrong. It must return no rows.
    /// </summary>
    public void ExecuteLast(NpgsqlBatchCommand statement) => _last.Add((statement, null));

    /// <summary>
    /// As <see cref="ExecuteLast"/>, with an answer: what is read counts once the transaction has committed.
    /// </summary>
    /// <param name="read">Called for each row.</param>
    public void QueryLast(NpgsqlBatchCommand statement, Action<NpgsqlDataReader> read) => _last.Add((statement, read));

    /// <summary>
    /// Adds an event to this transaction. Its outbox row is written after all other statements, while the aggregate's
    /// row lock is held, so that the ids of one aggregate's events rise in the order of its changes.
    /// </summary>
    /// <param name="event">What happened, in ids and primitives.</param>
    /// <param name="version">The aggregate's version after the change.</param>
    public void Publish<TEvent>(TEvent @event, long version)
        where TEvent : IEvent => _events.Add(OutboxRow.Of(@event, version, Now));

    /// <summary>Rolls the transaction back once the work returns: a refusal that keeps nothing.</summary>
    public void Refuse() => Refused = true;

    /// <summary>
    /// Runs the last statements, writes the events and commits, in one round trip: one that fails keeps those behind it
    /// and the COMMIT from running.
    /// </summary>
    internal async Task CommitAsync()
    {
        await using var batch = new NpgsqlBatch(Connection);
        foreach (var (statement, _) in _last) batch.BatchCommands.Add(statement);
        if (Published > 0) batch.BatchCommands.Add(Outbox.InsertOf(_events));
        batch.BatchCommands.Add(new("COMMIT"));
        await using var reader = await batch.ExecuteReaderAsync(_ct);

        // The reader stops only where there are rows; going behind the last one shows what has failed.
        foreach (var read in _last.Select(last => last.Read).OfType<Action<NpgsqlDataReader>>())
        {
            while (await reader.ReadAsync(_ct)) read(reader);
            await reader.NextResultAsync(_ct);
        }

        while (await reader.NextResultAsync(_ct))
        {
        }
    }
}
