using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Catalog;
using Shop.Catalog.Stock;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Catalog.Stock;

/// <summary>Ends of holds: each once, whoever asks, however often, and every unit accounted for.</summary>
public sealed class ResolveHoldsTests(CatalogFixture shop) : IClassFixture<CatalogFixture>
{
    private static readonly Guid User = Guid.CreateVersion7();
    private static readonly DateTimeOffset At = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task A_hold_is_committed_once_with_its_movement_and_event()
    {
        var product = await shop.ProductAsync(units: 10);
        var order = await HoldAsync((product, 3));

        Assert.Equal(HoldVerdict.Committed, await EndAsync(order, HoldCommand.Commit));
        Assert.Equal(HoldVerdict.AlreadyCommitted, await EndAsync(order, HoldCommand.Commit));
        Assert.Equal(HoldVerdict.AlreadyCommitted, await EndAsync(order, HoldCommand.Release));
        Assert.Equal(HoldVerdict.AlreadyCommitted, await EndAsync(order, HoldCommand.Expire));

        Assert.Equal((7, 0), await LevelAsync(product));
        Assert.Equal([("RECEIVED", 10), ("SOLD", -3)], await MovementsAsync(product));
        Assert.Equal(["StockReserved.v1", "StockCommitted.v1"], await EventsAsync(order));
        Assert.True((await ReserveAsync(order, (product, 3))).Success);
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task A_hold_is_released_once_and_its_order_cannot_reserve_again()
    {
        var product = await shop.ProductAsync(units: 10);
        var order = await HoldAsync((product, 3));

        Assert.Equal(HoldVerdict.Released, await EndAsync(order, HoldCommand.Release));
        Assert.Equal(HoldVerdict.AlreadyReleased, await EndAsync(order, HoldCommand.Release));
        Assert.Equal(HoldVerdict.AlreadyReleased, await EndAsync(order, HoldCommand.Expire));

        Assert.Equal(ReserveStock.HoldEnded, (await ReserveAsync(order, (product, 3))).Reason);
        Assert.Equal((10, 0), await LevelAsync(product));
        Assert.Equal(["StockReserved.v1", "StockReleased.v1"], await EventsAsync(order));
        await shop.AssertSumsAsync();
    }

    [Theory]
    [InlineData(nameof(HoldCommand.Release))]
    [InlineData(nameof(HoldCommand.Expire))]
    public async Task A_reservation_that_comes_after_its_order_was_given_up_is_refused(string command)
    {
        var product = await shop.ProductAsync(units: 10);
        var order = Guid.CreateVersion7();

        Assert.Equal(HoldVerdict.Unknown, await EndAsync(order, Enum.Parse<HoldCommand>(command)));

        Assert.Equal(ReserveStock.HoldEnded, (await ReserveAsync(order, (product, 1))).Reason);
        Assert.Equal((10, 0), await LevelAsync(product));
        Assert.Empty(await EventsAsync(order));
    }

    [Fact]
    public async Task Committing_an_unknown_order_leaves_nothing()
    {
        var product = await shop.ProductAsync(units: 10);
        var order = Guid.CreateVersion7();

        Assert.Equal(HoldVerdict.Unknown, await EndAsync(order, HoldCommand.Commit));
        Assert.True((await ReserveAsync(order, (product, 1))).Success);
    }

    [Fact]
    public async Task A_commit_after_the_end_takes_the_units_again_while_there_are_any()
    {
        var product = await shop.ProductAsync(units: 5);
        var order = await HoldAsync((product, 4));
        await EndAsync(order, HoldCommand.Expire);

        Assert.Equal(HoldVerdict.Retaken, await EndAsync(order, HoldCommand.Commit));

        Assert.Equal((1, 0), await LevelAsync(product));
        Assert.Equal([("RECEIVED", 5), ("SOLD", -4)], await MovementsAsync(product));
        Assert.Equal(["StockReserved.v1", "StockReleased.v1", "StockCommitted.v1"], await EventsAsync(order));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task A_commit_after_the_end_with_nothing_left_is_a_shortage_told_once_and_for_good()
    {
        var product = await shop.ProductAsync(units: 5);
        var order = await HoldAsync((product, 4));
        await EndAsync(order, HoldCommand.Expire);
        var rival = await HoldAsync((product, 2));

        Assert.Equal(Verdict.TooLate, await PaidAsync(order));
        await EndAsync(rival, HoldCommand.Release);
        Assert.Equal(Verdict.TooLate, await PaidAsync(order)); // Enough again, but the refund is on its way.

        Assert.Equal((5, 0), await LevelAsync(product));
        Assert.Equal(["StockReserved.v1", "StockReleased.v1", "StockCommitFailed.v1"], await EventsAsync(order));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task Release_commit_and_expire_at_once_end_a_hold_once()
    {
        var product = await shop.ProductAsync(units: 1_000);
        var orders = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => HoldAsync((product, 2))));

        var verdicts = await Task.WhenAll(orders.Select(order => Task.WhenAll(
            EndAsync(order, HoldCommand.Release), EndAsync(order, HoldCommand.Expire),
            EndAsync(order, HoldCommand.Commit), EndAsync(order, HoldCommand.Commit))));

        Assert.All(verdicts, four => Assert.Single(
            four, verdict => verdict is HoldVerdict.Released or HoldVerdict.Expired or HoldVerdict.Committed));

        // A commit always comes through here: first, or by taking the units again.
        Assert.All(verdicts, four => Assert.Single(
            four, verdict => verdict is HoldVerdict.Committed or HoldVerdict.Retaken));
        Assert.Equal((920, 0), await LevelAsync(product));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task A_reservation_and_its_release_at_once_leave_nothing_held()
    {
        var product = await shop.ProductAsync(units: 1_000);
        var orders = Enumerable.Range(0, 60).Select(_ => Guid.CreateVersion7()).ToArray();

        await Task.WhenAll(orders.Select(order => Task.WhenAll(
            ReserveAsync(order, (product, 1)), EndAsync(order, HoldCommand.Release))));

        Assert.Equal((1_000, 0), await LevelAsync(product));
        Assert.Equal(["RELEASED"], await shop.QueryAsync<string>(
            "select distinct status from reservations where order_id = any(@orders)", new { orders }));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task The_events_of_orders_drive_the_same_ends()
    {
        var product = await shop.ProductAsync(units: 100);
        var paid = await HoldAsync((product, 1));
        var cancelled = await HoldAsync((product, 2));
        var expired = await HoldAsync((product, 4));

        Assert.Equal([Verdict.Applied, Verdict.AlreadyApplied], [await PaidAsync(paid), await PaidAsync(paid)]);
        Assert.Equal(
            [Verdict.Applied, Verdict.AlreadyApplied],
            [await CancelledAsync(cancelled), await CancelledAsync(cancelled)]);
        Assert.Equal(
            [Verdict.Applied, Verdict.AlreadyApplied], [await ExpiredAsync(expired), await ExpiredAsync(expired)]);
        Assert.Equal(Verdict.NotYet, await PaidAsync(Guid.CreateVersion7()));
        await Assert.ThrowsAsync<InvalidOperationException>(() => CancelledAsync(paid));

        Assert.Equal((99, 0), await LevelAsync(product));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task A_refund_restocks_sold_units_once_and_never_more_than_were_sold()
    {
        var product = await shop.ProductAsync(units: 10);
        var order = await HoldAsync((product, 4));
        await PaidAsync(order);
        var first = Guid.CreateVersion7();

        Assert.Equal(Verdict.Applied, await RefundedAsync(first, order, (product, 3)));
        Assert.Equal(Verdict.AlreadyApplied, await RefundedAsync(first, order, (product, 3)));
        Assert.Equal(Verdict.Applied, await RefundedAsync(Guid.CreateVersion7(), order, (product, 3)));
        Assert.Equal(Verdict.NotYet, await RefundedAsync(Guid.CreateVersion7(), Guid.CreateVersion7(), (product, 3)));

        Assert.Equal((10, 0), await LevelAsync(product));
        Assert.Equal(
            [("RECEIVED", 10), ("SOLD", -4), ("RESTOCKED", 3), ("RESTOCKED", 1)], await MovementsAsync(product));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task Units_refunded_without_restock_stay_sold_and_what_the_rest_brings_back_is_the_rest()
    {
        var (kept, returned) = (await shop.ProductAsync(units: 10), await shop.ProductAsync(units: 10));
        var order = await HoldAsync((kept, 3), (returned, 2));
        await PaidAsync(order);

        Assert.Equal(Verdict.Applied, await RefundedAsync(Guid.CreateVersion7(), order, (returned, 1)));
        // The whole rest: two units of the one had been refunded for money alone, money without units of the other.
        Assert.Equal(Verdict.Applied, await RefundedAsync(Guid.CreateVersion7(), order, (kept, 1), (returned, 1)));
        Assert.Equal(Verdict.Applied, await RefundedAsync(Guid.CreateVersion7(), order, (kept, 0)));

        Assert.Equal((8, 0), await LevelAsync(kept));
        Assert.Equal((10, 0), await LevelAsync(returned));
        Assert.Equal(
            [("RECEIVED", 10), ("SOLD", -2), ("RESTOCKED", 1), ("RESTOCKED", 1)], await MovementsAsync(returned));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task A_refund_before_the_commit_releases_units_that_the_commit_then_does_not_sell()
    {
        var product = await shop.ProductAsync(units: 10);
        var order = await HoldAsync((product, 4));

        Assert.Equal(Verdict.Applied, await RefundedAsync(Guid.CreateVersion7(), order, (product, 3)));
        Assert.Equal((10, 1), await LevelAsync(product));
        Assert.Equal(Verdict.Applied, await PaidAsync(order));

        Assert.Equal((9, 0), await LevelAsync(product));
        Assert.Equal([("RECEIVED", 10), ("SOLD", -1)], await MovementsAsync(product));
        await shop.AssertSumsAsync();
    }

    [Theory]
    [InlineData("update stock_movements set quantity = quantity + 1")]
    [InlineData("delete from stock_movements")]
    [InlineData("truncate stock_movements")]
    [InlineData("delete from products")]
    [InlineData("delete from stock")]
    [InlineData("update reservation_lines set unit_price = 1")]
    [InlineData("update reservation_lines set quantity = quantity + 1")]
    public async Task The_database_refuses_to_change_the_past_even_for_its_owner(string sql)
    {
        await HoldAsync((await shop.ProductAsync(units: 2), 1));

        var refused = await Assert.ThrowsAsync<PostgresException>(() => shop.ExecuteAsync(sql));

        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
    }

    [Theory]
    [InlineData(nameof(HoldCommand.Commit), "RELEASED")]
    [InlineData(nameof(HoldCommand.Commit), "EXPIRED")]
    [InlineData(nameof(HoldCommand.Release), "EXPIRED")]
    [InlineData(nameof(HoldCommand.Expire), "RELEASED")]
    public async Task The_database_refuses_a_second_end(string command, string status)
    {
        var order = await HoldAsync((await shop.ProductAsync(units: 2), 1));
        await EndAsync(order, Enum.Parse<HoldCommand>(command));

        var refused = await Assert.ThrowsAsync<PostgresException>(() => shop.ExecuteAsync(
            "update reservations set status = @status where order_id = @order", new { order, status }));

        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
    }

    [Theory]
    [InlineData("update stock set reserved = on_hand + 1 where product_id = @product")]
    [InlineData("update stock set on_hand = reserved - 1 where product_id = @product")]
    [InlineData("update stock set on_hand = -1, reserved = 0 where product_id = @product")]
    [InlineData("update stock set reserved = -1 where product_id = @product")]
    public async Task The_database_refuses_an_impossible_stock(string sql)
    {
        var product = await shop.ProductAsync(units: 2);
        await HoldAsync((product, 1));

        var refused = await Assert.ThrowsAsync<PostgresException>(() => shop.ExecuteAsync(sql, new { product }));

        Assert.Equal(PostgresErrorCodes.CheckViolation, refused.SqlState);
        Assert.Equal((2, 1), await LevelAsync(product));
    }

    private async Task<Guid> HoldAsync(params (Guid Product, int Quantity)[] lines)
    {
        var order = Guid.CreateVersion7();
        Assert.True((await ReserveAsync(order, lines)).Success);
        return order;
    }

    private Task<ReserveStock.Response> ReserveAsync(Guid order, params (Guid Product, int Quantity)[] lines) => shop
        .Services.GetRequiredService<SharedCommit<ReserveStock.Call, ReserveStock.Response>>()
        .RunAsync(
            new(
                new(order, User, [.. lines.Select(l => new ReserveStock.WantedLine(l.Product, l.Quantity))], 60), null),
            CancellationToken.None);

    private async Task<HoldVerdict> EndAsync(Guid order, HoldCommand command) =>
        (await ResolveHolds.RunAsync(shop.Db, [new(order, command)], CancellationToken.None)).Single();

    private Task<Verdict> PaidAsync(Guid order) =>
        HandleAsync(c => OnOrderPaid.Handle(new(order, User, Guid.CreateVersion7(), At), c));

    private Task<Verdict> CancelledAsync(Guid order) =>
        HandleAsync(c => OnOrderCancelled.Handle(new(order, User, "test", At), c));

    private Task<Verdict> ExpiredAsync(Guid order) => HandleAsync(c => OnOrderExpired.Handle(new(order, User, At), c));

    private Task<Verdict> RefundedAsync(Guid refund, Guid order, params (Guid Product, int Quantity)[] lines) =>
        HandleAsync(c => OnRefundCompleted.Handle(
            new(
                refund, Guid.CreateVersion7(), order, 1, Whole: false, Restock: true,
                [.. lines.Select(line => new RefundedLine(line.Product, line.Quantity, 1))], At),
            c));

    // As the consumer does it: what is not yet possible keeps nothing.
    private Task<Verdict> HandleAsync(Func<HandlerContext<CatalogDb>, Task<Verdict>> handle) => shop.Db.TransactAsync(
        async tx =>
        {
            var envelope = new Envelope(
                Guid.CreateVersion7(), At, "order-events", "test", Guid.Empty, 1, At, null, null);
            var verdict = await handle(new(tx, envelope, shop.Services, CancellationToken.None));
            if (verdict == Verdict.NotYet) tx.Refuse();
            return verdict;
        },
        CancellationToken.None);

    private async Task<(long OnHand, long Reserved)> LevelAsync(Guid product) => (await shop.QueryAsync<(long, long)>(
        "select on_hand, reserved from stock where product_id = @product", new { product })).Single();

    private async Task<IEnumerable<(string Kind, long Quantity)>> MovementsAsync(Guid product) =>
        await shop.QueryAsync<(string, long)>(
            "select kind, quantity from stock_movements where product_id = @product order by id", new { product });

    private async Task<IEnumerable<string>> EventsAsync(Guid order) => await shop.QueryAsync<string>(
        "select type from outbox where key = @order order by id", new { order });
}
