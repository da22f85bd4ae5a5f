using Microsoft.Extensions.DependencyInjection;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Messaging;

public sealed class UpkeepTests(KernelDatabase databases) : KernelTests(databases)
{
    private const string OldEventSql = """
        insert into outbox (slot, event_id, stream, type, key, version, occurred_at, payload)
        values (date_trunc('minute', @at::timestamptz), gen_random_uuid(), 'order-events', 'OrderExpired.v1',
                gen_random_uuid(), 1, @at, '{}')
        """;

    [Fact]
    public async Task Events_land_in_the_partition_of_their_hour_and_in_the_default_one_for_want_of_it()
    {
        await using var process = await StartAsync();
        var order = Guid.CreateVersion7();
        var old = TimeProvider.System.GetUtcNow().AddDays(-30);

        await process.PublishAsync(Expired(order));
        await KernelDatabase.ExecuteAsync(Databases.Main, OldEventSql, new { at = old });

        var homes = await KernelDatabase.QueryAsync<string>(
            Databases.Main, "select tableoid::regclass::text from outbox where key = @order", new { order });
        Assert.StartsWith("outbox_p", Assert.Single(homes), StringComparison.Ordinal);
        Assert.Equal(1, await CountAsync("select count(*) from outbox_default where occurred_at = @old", new { old }));
        // Its rows stay where they are: the partition of that hour can't be made any more, which is said, not thrown.
        var left = await Partitions.EnsureAsync(process.Owner, old, 1, CancellationToken.None);
        Assert.Equal([$"outbox_p{old.UtcDateTime:yyyyMMddHH}"], left);
        await KernelDatabase.ExecuteAsync(Databases.Main, "delete from outbox_default");
    }

    [Fact]
    public async Task A_partition_goes_once_every_group_has_it_and_never_under_a_parked_event()
    {
        await using var process = await StartAsync();
        var upkeep = process.Services.GetRequiredService<MessagingUpkeep>();
        var old = TimeProvider.System.GetUtcNow().AddDays(-3);
        await Partitions.EnsureAsync(process.Owner, old, 1, CancellationToken.None);
        await KernelDatabase.ExecuteAsync(Databases.Main, OldEventSql, new { at = old });
        await EventuallyAsync(
            async () => await CountAsync("select count(*) from group_progress where consumer_group = @Group") == 1,
            "subscribed");
        // Before there is a relay nothing is sent.
        await EventuallyAsync(
            async () => await CountAsync("""
                select count(*) from outbox
                 where id > coalesce((select last_id from leases where name = 'relay'), 0)
                """) == 0,
            "sent");
        await MoveWholeAsync("@old", old);

        await upkeep.DropPartitionsAsync(CancellationToken.None);
        Assert.Equal((1, 1), (await ExistingAsync("outbox", old), await ExistingAsync("inbox", old)));

        await MoveWholeAsync("now()", old);
        await ParkAsync(old);
        await upkeep.DropPartitionsAsync(CancellationToken.None);
        Assert.Equal((0, 1), (await ExistingAsync("outbox", old), await ExistingAsync("inbox", old)));

        await KernelDatabase.ExecuteAsync(Databases.Main, "delete from parked_events");
        await upkeep.DropPartitionsAsync(CancellationToken.None);
        Assert.Equal((0, 0), (await ExistingAsync("outbox", old), await ExistingAsync("inbox", old)));
    }

    [Fact]
    public async Task A_stream_is_trimmed_to_its_slowest_group()
    {
        var open = false;
        var slow = Guid.CreateVersion7();
        var others = Enumerable.Range(0, 400).Select(_ => Guid.CreateVersion7()).ToArray();
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, builder =>
        {
            builder.AddOutboxRelay<KernelDb>();
            builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>((e, context) =>
                e.OrderId == slow && !Volatile.Read(ref open)
                    ? Task.FromResult(Verdict.NotYet)
                    : RecordAsync(context)));
            builder.AddMessagingUpkeep();
        }, ("Messaging:RelayBatch", "1")); // An entry each: Redis trims a hundred at a time.
        var upkeep = process.Services.GetRequiredService<MessagingUpkeep>();
        await process.PublishAsync(Expired(slow));
        await process.Database.TransactAsync(
            tx =>
            {
                foreach (var other in others) tx.Publish(Expired(other), 1);
                return Task.CompletedTask;
            },
            CancellationToken.None);
        await EventuallyAsync(async () => (await EffectsAsync(others)).Count == 400, "all but one handled");
        await EventuallyAsync(async () => await PendingAsync() == 1, "all but one acknowledged");

        var length = (long)await Redis.ExecuteAsync("XLEN", StreamKey);

        await upkeep.TrimStreamsAsync(CancellationToken.None);
        Assert.Equal(length, (long)await Redis.ExecuteAsync("XLEN", StreamKey));

        Volatile.Write(ref open, true);
        await EventuallyAsync(async () => (await EffectsAsync(slow)).Count == 1, "the slow one handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "all acknowledged");
        await upkeep.TrimStreamsAsync(CancellationToken.None);
        Assert.InRange((long)await Redis.ExecuteAsync("XLEN", StreamKey), 0, 200);
    }

    private Task<KernelProcess> StartAsync() => KernelProcess.StartAsync(Databases, Prefix, builder =>
    {
        builder.AddOutboxRelay<KernelDb>();
        builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderCompleted>((e, context) => RecordAsync(context)));
        builder.AddMessagingUpkeep();
    });

    private Task MoveWholeAsync(string to, DateTimeOffset old) => KernelDatabase.ExecuteAsync(
        Databases.Main, $"update group_progress set whole_until = {to}", new { old });

    private Task ParkAsync(DateTimeOffset at) => KernelDatabase.ExecuteAsync(
        Databases.Main,
        """
        insert into parked_events (consumer_group, slot, event_id, stream, type, key, version, occurred_at, payload,
                                   error, attempts)
        values (@Group, @at, gen_random_uuid(), 'order-events', 'OrderCompleted.v1', gen_random_uuid(), 1, @at, '{}',
                'test', 1)
        """,
        new { Group, at });

    private async Task<long> ExistingAsync(string table, DateTimeOffset hour) => await CountAsync(
        "select count(*) from pg_class where relname = @name",
        new { name = $"{table}_p{hour.UtcDateTime:yyyyMMddHH}" });

    private async Task<long> CountAsync(string sql, object? parameters = null) =>
        (await KernelDatabase.QueryAsync<long>(Databases.Main, sql, parameters ?? new { Group }))[0];
}
