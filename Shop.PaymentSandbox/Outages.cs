using Microsoft.Extensions.Options;
using Shop.ServiceDefaults.Data;

namespace Shop.PaymentSandbox;

/// <summary>Failures on purpose: errors that end after some times per key, and answers that never come.</summary>
internal sealed class Outages(
    Database<SandboxDb> database, IOptions<SandboxOptions> options, TimeProvider clock,
    IHostApplicationLifetime lifetime)
{
    private const string CountSql = """
        insert into outages as o (key, count) values (@key, 1)
            on conflict (key) do update set count = o.count + 1 where o.count < @times
        returning count
        """; // 0 rows: it has failed often enough.

    /// <summary>True the first <paramref name="times"/> times for this key.</summary>
    public async Task<bool> ComesNowAsync(string key, int times, CancellationToken ct) =>
        await database.TransactAsync(
            tx => tx.QuerySingleOrDefaultAsync<int?>(CountSql, new { key, times }), ct) is not null;

    /// <summary>Holds an answer until the caller has surely gone, or the process stops.</summary>
    public async Task HangAsync(CancellationToken ct)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, lifetime.ApplicationStopping);
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(options.Value.HangSeconds), clock, either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // The process stops: the caller gets its answer now rather than a broken connection.
        }
    }
}
