using Microsoft.Extensions.DependencyInjection;
using Shop.Catalog;
using Shop.Catalog.Stock;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Catalog.Stock;

/// <summary>The events that end a hold, twice, forwards or backwards: the books end the same.</summary>
public sealed class ReversedEventsTests(CatalogFixture shop) : IClassFixture<CatalogFixture>
{
    private static readonly Guid User = Guid.CreateVersion7();
    private static readonly DateTimeOffset At = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_sale_and_its_refund_bring_the_units_back_once(bool reversed)
    {
        var product = await shop.ProductAsync(units: 10);
        var order = await HoldAsync(product, 3);
        var refunded = new RefundCompleted(
            Guid.CreateVersion7(), Guid.CreateVersion7(), order, 2, Whole: false, Restock: true,
            [new(product, 2, 2)], At);

        await DeliverTwiceAsync(
            reversed,
            context => OnOrderPaid.Handle(new(order, User, Guid.CreateVersion7(), At), context),
            context => OnRefundCompleted.Handle(refunded, context));

        Assert.Equal((9, 0), await LevelAsync(product));
        await shop.AssertSumsAsync();
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task An_order_that_ended_unpaid_gives_its_units_back_once(bool reversed, bool known)
    {
        var product = await shop.ProductAsync(units: 10);
        var order = known ? await HoldAsync(product, 3) : Guid.CreateVersion7();

        await DeliverTwiceAsync(
            reversed,
            context => OnOrderCancelled.Handle(new(order, User, "test", At), context),
            context => OnOrderExpired.Handle(new(order, User, At), context));

        Assert.Equal((10, 0), await LevelAsync(product));
        Assert.Equal(ReserveStock.HoldEnded, (await ReserveAsync(order, product, 3)).Reason);
        await shop.AssertSumsAsync();
    }

    private async Task DeliverTwiceAsync(
        bool reversed, params Func<HandlerContext<CatalogDb>, Task<Verdict>>[] events)
    {
        var once = reversed ? events.Reverse().ToArray() : events;
        foreach (var handle in once.Concat(once)) Assert.NotEqual(Verdict.NotYet, await HandleAsync(handle));
    }

    private Task<Verdict> HandleAsync(Func<HandlerContext<CatalogDb>, Task<Verdict>> handle) => shop.Db.TransactAsync(
        tx =>
        {
            var envelope = new Envelope(
                Guid.CreateVersion7(), At, "order-events", "test", Guid.Empty, 1, At, null, null);
            return handle(new(tx, envelope, shop.Services, CancellationToken.None));
        },
        CancellationToken.None);

    private async Task<Guid> HoldAsync(Guid product, int quantity)
    {
        var order = Guid.CreateVersion7();
        Assert.True((await ReserveAsync(order, product, quantity)).Success);
        return order;
    }

    private Task<ReserveStock.Response> ReserveAsync(Guid order, Guid product, int quantity) => shop
        .Services.GetRequiredService<SharedCommit<ReserveStock.Call, ReserveStock.Response>>()
        .RunAsync(
            new(new(order, User, [new ReserveStock.WantedLine(product, quantity)], 60), null), CancellationToken.None);

    private async Task<(long OnHand, long Reserved)> LevelAsync(Guid product) => (await shop.QueryAsync<(long, long)>(
        "select on_hand, reserved from stock where product_id = @product", new { product })).Single();
}
