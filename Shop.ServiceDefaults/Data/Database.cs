using System.Runtime.CompilerServices;
using Dapper;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.ServiceDefaults.Faults;
using Shop.ServiceDefaults.Messaging;

namespace Shop.ServiceDefaults.Data;

/// <summary>
/// The write side of one service's database: short READ COMMITTED transactions on a small prepared pool.
/// Reads go through the service's <see cref="DbContext"/>, or are one statement written by hand.
/// </summary>
public sealed class Database<TDb>(
    NpgsqlDataSource source, DatabaseOptions options, TimeProvider clock, OutboxWaker<TDb> waker)
    where TDb : DbContext
{
    public NpgsqlDataSource Source => source;

    /// <summary>
    /// Runs <paramref name="work"/> in one transaction and commits it, unless the work called
    /// <see cref="Transaction{TDb}.Refuse"/> or threw. A deadlock, a serialisation failure or a lock timeout rolls
    /// back and runs the work again, a bounded number of times.
    /// </summary>
    /// <param name="file">The calling slice, for its crash points; leave it to the compiler.</param>
    /// <exception cref="DatabaseBusyException">Every attempt met a lock; nothing was kept.</exception>
    public async Task<T> TransactAsync<T>(
        Func<Transaction<TDb>, Task<T>> work, CancellationToken ct,
        [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await RunOnceAsync(work, file, member, ct);
            }
            catch (PostgresException e) when (IsLockFailure(e))
            {
                if (attempt >= options.LockAttempts) throw new DatabaseBusyException(e);
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(5, 25) * attempt), clock, ct);
            }
        }
    }

    /// <inheritdoc cref="TransactAsync{T}"/>
    public Task TransactAsync(
        Func<Transaction<TDb>, Task> work, CancellationToken ct,
        [CallerFilePath] string file = "", [CallerMemberName] string member = "") =>
        TransactAsync(async tx => { await work(tx); return true; }, ct, file, member);

    /// <summary>The rows of one statement, as they are just now: what is decided by them is decided again.</summary>
    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? parameters, CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        var rows = await connection.QueryAsync<T>(new CommandDefinition(sql, parameters, cancellationToken: ct));
        return rows.AsList();
    }

    /// <summary>The one row of a statement, or null. More than one is a bug and throws.</summary>
    public async Task<T?> QuerySingleOrDefaultAsync<T>(string sql, object? parameters, CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        return await connection.QuerySingleOrDefaultAsync<T>(
            new CommandDefinition(sql, parameters, cancellationToken: ct));
    }

    /// <summary>True for failures that another try of the same transaction can cure.</summary>
    public static bool IsLockFailure(PostgresException e) => e.SqlState
        is PostgresErrorCodes.DeadlockDetected
        or PostgresErrorCodes.SerializationFailure
        or PostgresErrorCodes.LockNotAvailable;

    private static bool IsBadValue(PostgresException e) => e.SqlState.StartsWith("22", StringComparison.Ordinal);

    private async Task<T> RunOnceAsync<T>(
        Func<Transaction<TDb>, Task<T>> work, string file, string member, CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var tx = new Transaction<TDb>(connection, clock, ct);
        T result;
        try
        {
            result = await work(tx);
            if (tx.Refused)
            {
                await transaction.RollbackAsync(ct);
                return result;
            }

            Crash.AtCommit(file, member, "before");
            // Dying before this line leaves nothing; after it the state and its events are both there for the relay.
            await tx.CommitAsync();
        }
        catch (PostgresException e) when (IsBadValue(e))
        {
            // A value that Bind refuses while its statement is being prepared leaves Npgsql with a prepared statement
            // whose columns it never read: the next one to run it, an innocent, would fail.
            await transaction.RollbackAsync(CancellationToken.None);
            connection.UnprepareAll(); // There is no asynchronous one.
            throw;
        }

        Crash.AtCommit(file, member, "after");
        if (tx.Published > 0) waker.Wake(tx.Published);
        return result;
    }
}
