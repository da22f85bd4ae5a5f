using Dapper;
using Npgsql;
using OpenTelemetry;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// The right to act alone, as a row of the database that is acted on. Its epoch rises with every holder. A holder that
/// was paused for too long finds its epoch gone; what it did in the meantime must have been repeatable.
/// </summary>
internal sealed class Lease(
    NpgsqlDataSource source, string name, string holder, MessagingOptions options, TimeProvider clock)
{
    private const string AcquireSql = """
        insert into leases as held (name, epoch, holder, renewed_at)
        values (@name, 1, @holder, clock_timestamp())
            on conflict (name) do update
               set epoch = held.epoch + 1, holder = excluded.holder, renewed_at = excluded.renewed_at
             where held.renewed_at < clock_timestamp() - @takeover
        returning epoch
        """; // No row: another holds it.

    // Unflushed: a server that forgets the last renewals has ended every holder's connection too, and the lease is only
    // free a little earlier.
    private const string RenewSql = $"""
        with unflushed as materialized (select {Unflushed.Commit})
        update leases set renewed_at = clock_timestamp() from unflushed where name = @name and epoch = @epoch
        """;

    private const string ReleaseSql =
        "update leases set renewed_at = '-infinity' where name = @name and epoch = @epoch";

    public string Name => name;

    public async Task<long?> TryAcquireAsync(CancellationToken ct)
    {
        using var quiet = SuppressInstrumentationScope.Begin();
        await using var connection = await source.OpenConnectionAsync(ct);
        return await connection.ExecuteScalarAsync<long?>(new CommandDefinition(
            AcquireSql, new { name, holder, takeover = options.LeaseTakeover }, cancellationToken: ct));
    }

    /// <summary>
    /// Runs <paramref name="work"/> with the epoch if the lease is free, renewing it meanwhile. The token that the work
    /// gets is cancelled when the lease is lost. Answers false if another holds it.
    /// </summary>
    public async Task<bool> TryRunAsync(Func<long, CancellationToken, Task> work, CancellationToken ct)
    {
        var acquiredAt = clock.GetTimestamp();
        if (await TryAcquireAsync(ct) is not { } epoch) return false;

        using var held = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var renewing = RenewUntilLostAsync(epoch, acquiredAt, held);
        try
        {
            await work(epoch, held.Token);
        }
        catch (OperationCanceledException) when (held.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            // The lease was lost: the caller competes for it again.
        }
        finally
        {
            await held.CancelAsync();
            await renewing;
            await ReleaseAsync(epoch);
        }

        return true;
    }

    private async Task RenewUntilLostAsync(long epoch, long renewedAt, CancellationTokenSource held)
    {
        // Heartbeats are no part of any trace.
        using var quiet = SuppressInstrumentationScope.Begin();
        while (!held.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(options.LeaseRenew, clock, held.Token);
                var sentAt = clock.GetTimestamp();
                await using var connection = await source.OpenConnectionAsync(held.Token);
                var renewed = await connection.ExecuteAsync(new CommandDefinition(
                    RenewSql, new { name, epoch }, cancellationToken: held.Token));
                if (renewed == 0)
                {
                    await held.CancelAsync();
                    return;
                }

                renewedAt = sentAt;
            }
            catch (OperationCanceledException) when (held.IsCancellationRequested)
            {
                return; // The work has ended.
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException)
            {
                // The work meets the same outage and reports it. Here only the time counts: once others may think the
                // holder dead, it must stop.
                if (clock.GetElapsedTime(renewedAt) >= options.LeaseTakeover) await held.CancelAsync();
            }
        }
    }

    /// <summary>Gives the lease up, so that the next holder need not wait. Failing to costs only that wait.</summary>
    private async Task ReleaseAsync(long epoch)
    {
        using var quiet = SuppressInstrumentationScope.Begin();
        try
        {
            await using var connection = await source.OpenConnectionAsync(CancellationToken.None);
            await connection.ExecuteAsync(ReleaseSql, new { name, epoch });
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // The database is away; the lease ends by itself.
        }
    }
}
