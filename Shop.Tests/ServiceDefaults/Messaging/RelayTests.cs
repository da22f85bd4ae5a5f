using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Messaging;

public sealed class RelayTests(KernelDatabase databases) : EntryTests(databases)
{
    [Fact]
    public async Task What_was_committed_before_a_crash_is_sent_after_it()
    {
        var order = Guid.CreateVersion7();
        await using (var dying = await KernelProcess.StartAsync(Databases, Prefix, _ => { }))
        {
            await dying.PublishAsync(Expired(order));
        }

        Assert.Equal(0, await Redis.KeyExistsAsync(StreamKey) ? 1 : 0);
        await using var next = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>());

        await EventuallyAsync(async () => (await VersionsAsync(order)).Count == 1, "sent");
    }

    [Fact]
    public async Task A_batch_that_was_sent_but_not_noted_is_sent_again_and_handled_once()
    {
        var order = Guid.CreateVersion7();
        await using (var dying = await KernelProcess.StartAsync(Databases, Prefix, RelayAndHandler))
        {
            await dying.PublishAsync(Expired(order), version: 1);
            await dying.PublishAsync(Expired(order), version: 2);
            await EventuallyAsync(async () => (await EffectsAsync(order)).Count == 2, "handled");
        }

        await KernelDatabase.ExecuteAsync(Databases.Main, """
            update leases
               set last_id = (select min(id) from outbox where key = @order) - 1
             where name = 'relay'
            """, new { order });
        await using var next = await KernelProcess.StartAsync(Databases, Prefix, RelayAndHandler);

        await EventuallyAsync(async () => (await VersionsAsync(order)).Count == 4, "sent again");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        Assert.Equal([1, 2, 1, 2], await VersionsAsync(order));
        Assert.Equal([1, 2], (await EffectsAsync(order)).Select(effect => effect.Version));
    }

    [Fact]
    public async Task Two_relays_send_each_event_once_and_in_order()
    {
        const int Keys = 10;
        const int Events = 10;
        await using var first = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>(), Unhurried);
        await using var second = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>(), Unhurried);
        var keys = Enumerable.Range(0, Keys).Select(_ => Guid.CreateVersion7()).ToArray();

        await Task.WhenAll(keys.Select(async (key, i) =>
        {
            var process = i % 2 == 0 ? first : second;
            for (var version = 1; version <= Events; version++) await process.PublishAsync(Expired(key), version);
        }));

        await EventuallyAsync(
            async () => (await SentAsync()).Count >= Keys * Events, "all sent");
        Assert.Equal(Keys * Events, (await SentAsync()).Count);
        foreach (var key in keys)
        {
            Assert.Equal(Enumerable.Range(1, Events).Select(version => (long)version), await VersionsAsync(key));
        }
    }

    [Fact]
    public async Task Another_relay_goes_on_where_the_first_one_stopped()
    {
        var order = Guid.CreateVersion7();
        var first = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>(), Unhurried);
        await using var second = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>(), Unhurried);
        await first.PublishAsync(Expired(order), version: 1);
        await EventuallyAsync(async () => (await VersionsAsync(order)).Count == 1, "sent by the first");

        await first.DisposeAsync();
        await second.PublishAsync(Expired(order), version: 2);

        await EventuallyAsync(async () => (await VersionsAsync(order)).Count == 2, "sent by the second");
        Assert.Equal([1, 2], await VersionsAsync(order));
    }

    [Fact]
    public async Task Events_of_one_transaction_share_entries_of_a_bounded_number_in_their_order()
    {
        var keys = Enumerable.Range(0, Wire.MaxEvents + 20).Select(_ => Guid.CreateVersion7()).ToArray();

        await CommitAsync(tx =>
        {
            foreach (var key in keys) tx.Publish(Expired(key), 1);
        });
        await using var relay = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>());

        await EventuallyAsync(async () => (await SentAsync()).Count == keys.Length, "all sent");
        Assert.Equal(2, await LengthAsync());
        Assert.Equal(keys, (await SentAsync()).Select(sent => sent.GetProperty("key").GetGuid()));
        Assert.All(await SentAsync(), sent => Assert.Equal(
            ("OrderExpired.v1", 1L), (sent.GetProperty("type").GetString(), sent.GetProperty("version").GetInt64())));
    }

    [Theory]
    [InlineData("MaxStreamLength", 3, 30)]
    [InlineData("MaxStreamBytes", 30_000, 200)]
    public async Task A_full_stream_pauses_the_relay_and_loses_nothing(string limit, int size, int events)
    {
        var order = Guid.CreateVersion7();
        await using var process = await KernelProcess.StartAsync(
            Databases, Prefix, builder => builder.AddOutboxRelay<KernelDb>(),
            ($"Messaging:{limit}", $"{size}"), ("Messaging:RelayBatch", "5"));

        for (var version = 1; version <= events; version++) await process.PublishAsync(Expired(order), version);
        await EventuallyAsync(async () => await WaitingAsync() > 0 && await IsFullAsync(), "paused");
        var length = await LengthAsync();
        await Task.Delay(700); // Longer than the relay waits before it looks by itself.
        Assert.Equal(length, await LengthAsync());

        var sent = new List<long>(await VersionsAsync(order));
        while (sent.Count < events)
        {
            await Redis.ExecuteAsync("XTRIM", StreamKey, "MAXLEN", 0);
            await EventuallyAsync(async () => await LengthAsync() > 0, "went on");
            await EventuallyAsync(async () => await IsFullAsync() || await WaitingAsync() == 0, "paused again");
            sent.AddRange(await VersionsAsync(order));
        }

        Assert.Equal(Enumerable.Range(1, events).Select(version => (long)version), sent.Distinct());
        Assert.Equal(sent.Order(), sent);

        async Task<bool> IsFullAsync() =>
            limit == "MaxStreamLength" ? await LengthAsync() == size : await BytesAsync() >= size;
    }

    private void RelayAndHandler(Microsoft.Extensions.Hosting.IHostApplicationBuilder builder)
    {
        builder.AddOutboxRelay<KernelDb>();
        builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>((e, context) => RecordAsync(context)));
    }

    private async Task<long> LengthAsync() => (long)await Redis.ExecuteAsync("XLEN", StreamKey);

    private async Task<long> BytesAsync() => (long)await Redis.ExecuteAsync("MEMORY", "USAGE", StreamKey);

    private async Task<long> WaitingAsync() => (await KernelDatabase.QueryAsync<long>(
        Databases.Main, "select count(*) from outbox where id > (select last_id from leases where name = 'relay')"))[0];

    /// <summary>Versions of the key's events as they stand on the stream.</summary>
    private async Task<IReadOnlyList<long>> VersionsAsync(Guid key) =>
    [
        .. from sent in await SentAsync()
           where sent.GetProperty("key").GetGuid() == key
           select sent.GetProperty("version").GetInt64(),
    ];
}
