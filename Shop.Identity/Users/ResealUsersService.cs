using Microsoft.Extensions.Options;
using Npgsql;
using Shop.ServiceDefaults.Data;

namespace Shop.Identity.Users;

/// <summary>
/// Before anything is answered it unlocks the keyed hashes. Then, while a former secret is configured, it brings every
/// user's data under the current one; any number of replicas may do so at once.
/// </summary>
internal sealed partial class ResealUsersService(
    Database<IdentityDb> database, PersonalData personal, IOptions<IdentityOptions> options, TimeProvider clock,
    ILogger<ResealUsersService> log) : BackgroundService
{
    private const int Batch = 200;

    private const string PageSql = """
        select id, version, email, name, phone from users where id > @After order by id limit @Batch
        """;

    private const string ResealSql = """
        update users set email = @Email, name = @Name, phone = @Phone where id = @Id and version = @Version
        """; // 0 rows: the user changed something meanwhile; the next round looks again.

    // A replica that still runs with the former secret goes on sealing under it: so one round is not enough.
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await personal.UnlockAsync(database, cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>One round over all users; answers how many were resealed.</summary>
    internal async Task<int> RunAsync(CancellationToken ct)
    {
        var (after, resealed) = (Guid.Empty, 0);
        while (true)
        {
            var users = await database.TransactAsync(tx => tx.QueryAsync<Row>(PageSql, new { after, Batch }), ct);
            if (users.Count == 0) return resealed;
            after = users[^1].Id;
            foreach (var user in users.Where(NeedsIt)) resealed += await ResealAsync(user, ct);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Value.FormerKeyEncryptionKeys.Length == 0) return;
        using var timer = new PeriodicTimer(Pause, clock);
        do
        {
            try
            {
                Resealed(log, await RunAsync(stoppingToken));
            }
            catch (Exception e) when (e is NpgsqlException or DatabaseBusyException or TimeoutException)
            {
                // What was resealed stays so; the next round goes on.
                Failed(log, e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private bool NeedsIt(Row user) =>
        !personal.IsCurrent(user.Email) || !personal.IsCurrent(user.Name)
        || (user.Phone is { } phone && !personal.IsCurrent(phone));

    private Task<int> ResealAsync(Row user, CancellationToken ct) => database.TransactAsync(
        tx => tx.ExecuteAsync(ResealSql, new
        {
            user.Id,
            user.Version,
            Email = personal.Reseal(user.Id, Fields.Email, user.Email),
            Name = personal.Reseal(user.Id, Fields.Name, user.Name),
            Phone = user.Phone is { } phone ? personal.Reseal(user.Id, Fields.Phone, phone) : null,
        }),
        ct);

    [LoggerMessage(LogLevel.Information, "Resealed the personal data of {Users} users under the current secret")]
    private static partial void Resealed(ILogger log, int users);

    [LoggerMessage(LogLevel.Warning, "Resealing personal data was interrupted and goes on later")]
    private static partial void Failed(ILogger log, Exception exception);

    private sealed record Row(Guid Id, long Version, byte[] Email, byte[] Name, byte[]? Phone);
}
