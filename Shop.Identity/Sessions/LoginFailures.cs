using Microsoft.Extensions.Options;
using Shop.ServiceDefaults.Data;

namespace Shop.Identity.Sessions;

/// <summary>
/// Lockout, by e-mail and not by user: an address that nobody has locks like any other. Attempts for one address run
/// one at a time in a process, so that many at once cannot guess more often than the limit, and a user who logs in
/// many times at once with the right password is never locked out by it.
/// </summary>
internal sealed class LoginFailures(IOptions<IdentityOptions> options) : IDisposable
{
    private const int GateCount = 64;

    private const string LockedSql = """
        select locked_until from login_failures where email_hash = @EmailHash and locked_until > @Now
        """;

    // Failures older than the lockout's time, or from before a lockout that is over, are forgotten.
    private const string FailedSql = """
        insert into login_failures as f (email_hash, failures, failed_at, locked_until)
        values (@EmailHash, 1, @Now, case when 1 >= @Limit then @Until end)
            on conflict (email_hash) do update
           set failures = case when f.failed_at < @Forget or f.locked_until <= @Now then 1 else f.failures + 1 end,
               failed_at = @Now,
               locked_until = case
                   when f.failed_at < @Forget or f.locked_until <= @Now then case when 1 >= @Limit then @Until end
                   when f.failures + 1 >= @Limit then @Until end
        """;

    private const string SucceededSql = "delete from login_failures where email_hash = @EmailHash";

    private readonly SemaphoreSlim[] _gates = [.. Enumerable.Range(0, GateCount).Select(_ => new SemaphoreSlim(1))];

    /// <summary>Waits for its turn at this address; dispose to let the next one in.</summary>
    public async Task<IDisposable> EnterAsync(byte[] emailHash, CancellationToken ct)
    {
        var gate = _gates[emailHash[0] % GateCount];
        await gate.WaitAsync(ct);
        return new Turn(gate);
    }

    /// <summary>Until when nobody can log in with this address, or null.</summary>
    public static Task<DateTimeOffset?> LockedUntilAsync(Transaction<IdentityDb> tx, byte[] emailHash) =>
        tx.QuerySingleOrDefaultAsync<DateTimeOffset?>(LockedSql, new { EmailHash = emailHash, tx.Now });

    public Task FailedAsync(Transaction<IdentityDb> tx, byte[] emailHash) =>
        tx.ExecuteAsync(FailedSql, new
        {
            EmailHash = emailHash,
            tx.Now,
            Limit = options.Value.LockoutFailures,
            Until = tx.Now.AddSeconds(options.Value.LockoutSeconds),
            Forget = tx.Now.AddSeconds(-options.Value.LockoutSeconds),
        });

    public static Task SucceededAsync(Transaction<IdentityDb> tx, byte[] emailHash) =>
        tx.ExecuteAsync(SucceededSql, new { EmailHash = emailHash });

    public void Dispose()
    {
        foreach (var gate in _gates) gate.Dispose();
    }

    private sealed class Turn(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
