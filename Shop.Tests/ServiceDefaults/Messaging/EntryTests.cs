using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Messaging;
using StackExchange.Redis;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>What the tests share that send events and look at the entries of a stream.</summary>
public abstract class EntryTests(KernelDatabase databases) : KernelTests(databases)
{
    // A holder that a busy machine keeps from renewing is rightly taken over, and then events are sent twice.
    protected static readonly (string, string) Unhurried = ("Messaging:LeaseTakeoverMilliseconds", "60000");

    /// <summary>
    /// Commits the events before a relay starts: one that looks while a transaction draws its ids sends it in two
    /// rounds.
    /// </summary>
    protected async Task CommitAsync(Action<Transaction<KernelDb>> publish)
    {
        await using var writer = await KernelProcess.StartAsync(Databases, Prefix, _ => { });
        await writer.Database.TransactAsync(
            tx =>
            {
                publish(tx);
                return Task.CompletedTask;
            },
            CancellationToken.None);
    }

    /// <summary>Puts the events on the stream in one round, and lets no relay run after it.</summary>
    protected async Task SendAsync(Action<Transaction<KernelDb>> publish)
    {
        await CommitAsync(publish);
        await using var relay = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>(), Unhurried);
        await EventuallyAsync(IsAllNotedAsync, "sent and noted");
    }

    /// <summary>Sorted, to be compared with what comes in any order.</summary>
    protected static Guid[] NewKeys(int count) =>
        [.. Enumerable.Range(0, count).Select(_ => Guid.CreateVersion7()).Order()];

    protected async Task<IReadOnlyList<string>> EntryIdsAsync() =>
    [
        .. from entry in (RedisResult[])(await Redis.ExecuteAsync("XRANGE", StreamKey, "-", "+"))!
           select (string)((RedisResult[])entry!)[0]!,
    ];

    /// <summary>Entries that the group has not acknowledged, and who has them.</summary>
    protected async Task<IReadOnlyList<(string Id, string Consumer)>> PendingEntriesAsync() =>
    [
        .. from entry in (RedisResult[])(await Redis.ExecuteAsync("XPENDING", StreamKey, Group, "-", "+", 100))!
           let fields = (RedisResult[])entry!
           select ((string)fields[0]!, (string)fields[1]!),
    ];

    private async Task<bool> IsAllNotedAsync() => (await KernelDatabase.QueryAsync<bool>(Databases.Main, """
        select exists (select from leases where name = 'relay' and last_id >= (select max(id) from outbox))
        """))[0];
}
