using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Npgsql;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.PersonalData;

namespace Shop.Identity.Keys;

/// <summary>
/// The signing keys of now, read from the database and kept in memory: when the database is away, tokens are signed
/// and verified with what was read last. Makes the next key in time; any number of replicas may do so at once.
/// </summary>
internal sealed partial class SigningKeys(
    Database<IdentityDb> database, IOptions<IdentityOptions> options, TimeProvider clock, ILogger<SigningKeys> log)
    : BackgroundService, ISigningKeySource
{
    private const string LockSql = "select pg_advisory_xact_lock(7301)";

    private const string SelectSql = """
        select kid, private_key_encrypted, activates_at from signing_keys order by activates_at
        """;

    private const string InsertSql = """
        insert into signing_keys (kid, private_key_encrypted, created_at, activates_at)
        values (@Kid, @PrivateKeyEncrypted, @Now, @ActivatesAt)
        """;

    private const string DeleteSupersededSql = """
        delete from signing_keys old
         where exists (select from signing_keys next
                        where next.activates_at > old.activates_at and next.activates_at < @SupersededBefore)
        """;

    private const string ResealSql = """
        update signing_keys set private_key_encrypted = @PrivateKeyEncrypted where kid = @Kid
        """;

    private readonly KeyRing _ring = options.Value.RingFor("signing-keys");
    private IReadOnlyList<SigningKey> _keys = [];

    /// <summary>The key that signs a token issued now.</summary>
    public SigningKey Signing => KeyPlan.Signing(clock.GetUtcNow(), _keys);

    public JwkSet Published => new([.. _keys.Select(key => key.Public)]);

    public Task<string> ReadAsync(CancellationToken ct) => Task.FromResult(JsonSerializer.Serialize(Published));

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // Nothing is answered before there is a key.
        await RefreshAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>Makes the key that is due, deletes what has no living token, and reads the rest.</summary>
    internal async Task RefreshAsync(CancellationToken ct)
    {
        var rows = await database.TransactAsync(async tx =>
        {
            // One replica at a time decides, so that two never make a key for the same turn.
            await tx.ExecuteAsync(LockSql);
            await tx.ExecuteAsync(
                DeleteSupersededSql, new { SupersededBefore = KeyPlan.SupersededBefore(tx.Now, options.Value) });
            var stored = await tx.QueryAsync<KeyRow>(SelectSql);
            foreach (var old in stored.Where(row => !_ring.IsCurrent(row.PrivateKeyEncrypted)))
            {
                await tx.ExecuteAsync(
                    ResealSql, old with { PrivateKeyEncrypted = _ring.Reseal(old.PrivateKeyEncrypted, old.Kid) });
            }

            var newest = stored.Count == 0 ? (DateTimeOffset?)null : stored[^1].ActivatesAt;
            if (KeyPlan.NextActivation(tx.Now, newest, options.Value) is not { } activation) return stored;

            var key = SigningKey.Create(activation);
            var row = new KeyRow(key.Id, key.Seal(_ring), activation);
            await tx.ExecuteAsync(InsertSql, new { row.Kid, row.PrivateKeyEncrypted, tx.Now, row.ActivatesAt });
            Made(log, key.Id, activation);
            return [.. stored, row];
        }, ct);

        // A key already open stays the same object: the token handler caches signers per key.
        var open = _keys.ToDictionary(key => key.Id);
        _keys = [.. rows.Select(row => open.GetValueOrDefault(row.Kid)
            ?? SigningKey.Open(row.PrivateKeyEncrypted, row.Kid, row.ActivatesAt, _ring))];
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(options.Value.KeyRefreshSeconds), clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await RefreshAsync(stoppingToken);
            }
            catch (Exception e) when (e is NpgsqlException or DatabaseBusyException or TimeoutException
                or CryptographicException)
            {
                // The last one: another replica runs with a newer secret already.
                NotRefreshed(log, e);
            }
        }
    }

    [LoggerMessage(LogLevel.Information, "Made signing key {Kid}, which signs from {ActivatesAt:O}")]
    private static partial void Made(ILogger log, string kid, DateTimeOffset activatesAt);

    [LoggerMessage(LogLevel.Warning, "The signing keys could not be read; going on with those in memory")]
    private static partial void NotRefreshed(ILogger log, Exception exception);

    private sealed record KeyRow(string Kid, byte[] PrivateKeyEncrypted, DateTimeOffset ActivatesAt);
}
