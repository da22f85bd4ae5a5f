using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Messaging;

public sealed class DeliveryTests(KernelDatabase databases) : KernelTests(databases)
{
    [Fact]
    public async Task An_event_goes_from_its_transaction_to_its_handler_once()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, builder =>
        {
            builder.AddOutboxRelay<KernelDb>();
            builder.AddSubscriptions<KernelDb>(Group, on => on.On<OrderExpired>((e, context) => RecordAsync(context)));
        });
        var order = Guid.CreateVersion7();

        await process.PublishAsync(Expired(order), version: 7);

        await EventuallyAsync(async () => (await EffectsAsync(order)).Count > 0, "handled");
        await EventuallyAsync(async () => await PendingAsync() == 0, "acknowledged");
        var effect = Assert.Single(await EffectsAsync(order));
        Assert.Equal((order, 7L, "handled"), (effect.Key, effect.Version, effect.What));
        Assert.Equal(
            [(Group, effect.EventId, "OrderExpired.v1")],
            await KernelDatabase.QueryAsync<(string, Guid, string)>(
                Databases.Main,
                "select consumer_group, event_id, type from inbox where event_id = @EventId", new { effect.EventId }));
    }
}
