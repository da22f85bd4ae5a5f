using Microsoft.Extensions.DependencyInjection;
using Shop.Payments.Payments;
using Shop.Payments.Points;

namespace Shop.Tests.Payments;

/// <summary>One app per test: the sweep takes whatever is due. Points last 365 days.</summary>
public sealed class PointsLotsTests : IAsyncLifetime
{
    private readonly PaymentsApp _app = new();
    private readonly Purchase _purchase;
    private readonly Wallet _wallet;

    public PointsLotsTests()
    {
        _purchase = new(_app);
        _wallet = new(_app, _purchase.User);
    }

    public Task InitializeAsync() => _app.InitializeAsync();

    public Task DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task The_lot_that_expires_first_is_spent_first()
    {
        var old = await _wallet.ChargedAsync(600, "old");
        Pass(days: 10);
        var young = await _wallet.ChargedAsync(600, "young");

        await HoldAsync(700);

        Assert.Equal((0, 600), await LotAsync(old));
        Assert.Equal((500, 100), await LotAsync(young));
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task What_is_past_its_date_can_not_be_spent_and_is_swept_once_under_its_own_entry()
    {
        await _wallet.ChargedAsync(600, "old");
        Pass(days: 10);
        await _wallet.ChargedAsync(300, "young");
        Pass(days: 356);

        Assert.False(await TryHoldAsync(Guid.CreateVersion7(), 301));
        Assert.Equal(1, await SweepAsync());
        Assert.Equal(0, await SweepAsync());

        Assert.Equal((300, 0), await _wallet.PointsAsync());
        Assert.Equal(["CHARGED 600", "CHARGED 300", "EXPIRED -600"], await _wallet.StatementAsync());
        Assert.Equal("customer-points 600, expired-points -600", await _app.ScalarAsync<string>(
            """
            select string_agg(split_part(e.account, ':', 1) || ' ' || e.amount, ', ' order by e.account)
              from ledger_entries e join ledger_transactions t on t.id = e.transaction_id
             where t.kind = 'POINTS_EXPIRY'
            """));
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task What_is_held_does_not_expire_and_comes_back_for_seven_more_days()
    {
        await _wallet.ChargedAsync(600);
        var hold = await HoldAsync(400);
        Pass(days: 366);

        Assert.Equal(1, await SweepAsync());
        Assert.Equal((0, 400), await _wallet.PointsAsync());
        await _app.Database.TransactAsync(tx => SettleHold.ReleaseAsync(tx, hold), default);
        Assert.Equal((400, 0), await _wallet.PointsAsync());

        Pass(days: 6);
        Assert.Equal(0, await SweepAsync());
        Assert.Equal((400, 0), await _wallet.PointsAsync());
        Pass(days: 1);
        Assert.Equal(1, await SweepAsync());
        Assert.Equal((0, 0), await _wallet.PointsAsync());
        Assert.Equal(["CHARGED 600", "EXPIRED -200", "EXPIRED -400"], await _wallet.StatementAsync());
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task A_payment_that_is_held_over_the_date_can_still_be_completed()
    {
        await _wallet.ChargedAsync(1_000);
        var id = (await _purchase.PayInPointsAsync()).PaymentId;
        Pass(days: 366);
        await SweepAsync();

        await _app.DeliverAsync();

        Assert.Equal("COMPLETED", await _app.StatusAsync(id));
        Assert.Equal(["CHARGED 1000", "USED -1000"], await _wallet.StatementAsync());
    }

    [Fact]
    public async Task A_points_payment_whose_event_was_lost_is_finished_by_the_sweep()
    {
        await _wallet.ChargedAsync(1_000);
        var id = (await _purchase.PayInPointsAsync()).PaymentId;
        _app.Clock.Advance(TimeSpan.FromSeconds(31));

        Assert.Equal(1, await _app.Workers.GetRequiredService<RecoverPayments>().RunAsync(default));

        Assert.Equal("COMPLETED", await _app.StatusAsync(id));
        Assert.Equal(0, _app.Processor.CallsFor(id));
    }

    [Fact]
    public async Task A_refund_gives_back_what_lasts_longest_first_and_never_more_than_was_used()
    {
        var old = await _wallet.ChargedAsync(600, "old");
        Pass(days: 10);
        var young = await _wallet.ChargedAsync(600, "young");
        var id = await PaidInPointsAsync();

        await ReturnAsync(id, 450);
        Assert.Equal((50, 0), await LotAsync(old));
        Assert.Equal((600, 0), await LotAsync(young));
        await ReturnAsync(id, 550);

        Assert.Equal((600, 0), await LotAsync(old));
        Assert.Equal((1_200, 0), await _wallet.PointsAsync());
        Assert.Equal(
            ["CHARGED 600", "CHARGED 600", "USED -1000", "RETURNED 450", "RETURNED 550"],
            await _wallet.StatementAsync());
        await Assert.ThrowsAsync<InvalidOperationException>(() => ReturnAsync(id, 1));
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task What_a_refund_gives_back_after_its_date_lasts_seven_more_days()
    {
        await _wallet.ChargedAsync(1_000);
        var id = await PaidInPointsAsync();
        Pass(days: 400);

        await ReturnAsync(id, 250);

        Assert.Equal((250, 0), await _wallet.PointsAsync());
        Pass(days: 6);
        Assert.Equal(0, await SweepAsync());
        Pass(days: 1);
        Assert.Equal(1, await SweepAsync());
        Assert.Equal((0, 0), await _wallet.PointsAsync());
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task A_refunded_top_up_takes_its_own_points_back_first_and_none_that_are_spent()
    {
        var old = await _wallet.ChargedAsync(600, "old");
        var young = await _wallet.ChargedAsync(600, "young");
        var (refund, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());

        Assert.True(await TakeBackAsync(refund, young, 500));
        Assert.Equal((600, 0), await LotAsync(old));
        Assert.Equal((100, 500), await LotAsync(young));
        Assert.False(await TakeBackAsync(other, young, 701));
        await _app.Database.TransactAsync(tx => TakeBackPoints.CaptureAsync(tx, refund), default);
        await _app.Database.TransactAsync(tx => TakeBackPoints.CaptureAsync(tx, refund), default);
        Assert.True(await TakeBackAsync(other, old, 700));
        await _app.Database.TransactAsync(tx => TakeBackPoints.ReleaseAsync(tx, other), default);

        Assert.Equal((700, 0), await _wallet.PointsAsync());
        Assert.Equal(["CHARGED 600", "CHARGED 600", "TAKEN_BACK -500"], await _wallet.StatementAsync());
        await Wallet.AssertBooksHoldAsync(_app);
    }

    [Fact]
    public async Task Sweeps_and_payments_at_once_neither_lose_nor_find_a_point()
    {
        for (var i = 0; i < 8; i++)
        {
            await _wallet.ChargedAsync(100, $"charge-{i}");
            Pass(days: 1);
        }

        Pass(days: 361);

        await Task.WhenAll(Enumerable.Range(0, 24).Select(async n =>
        {
            if (n % 3 == 0) await SweepAsync();
            else await TryHoldAsync(Guid.CreateVersion7(), 90);
        }));
        await SweepAsync();

        var (available, held) = await _wallet.PointsAsync();
        Assert.Equal(0, held % 90);
        Assert.Equal(300, available + held);
        await Wallet.AssertBooksHoldAsync(_app);
    }

    private void Pass(int days) => _app.Clock.Advance(TimeSpan.FromDays(days));

    private Task<int> SweepAsync() =>
        ExpirePoints.RunAsync(_app.Database, _app.Workers.GetRequiredService<PointsOptions>(), default);

    private async Task<Guid> HoldAsync(long amount)
    {
        var hold = Guid.CreateVersion7();
        Assert.True(await TryHoldAsync(hold, amount));
        return hold;
    }

    private Task<bool> TryHoldAsync(Guid hold, long amount) =>
        _app.Database.TransactAsync(tx => HoldPoints.RunAsync(tx, hold, _purchase.User, amount), default);

    private Task<bool> TakeBackAsync(Guid refund, Guid topUp, long amount) => _app.Database.TransactAsync(
        tx => TakeBackPoints.HoldAsync(tx, refund, topUp, _purchase.User, amount), default);

    private Task ReturnAsync(Guid payment, long amount) => _app.Database.TransactAsync(
        tx => ReturnPoints.RunAsync(tx, Guid.CreateVersion7(), payment, amount), default);

    private async Task<Guid> PaidInPointsAsync()
    {
        var id = (await _purchase.PayInPointsAsync()).PaymentId;
        await _app.DeliverAsync();
        Assert.Equal("COMPLETED", await _app.StatusAsync(id));
        return id;
    }

    private async Task<(long Available, long Held)> LotAsync(Guid id) => (
        await _app.ScalarAsync<long>("select available from points_lots where id = @id", new { id }),
        await _app.ScalarAsync<long>("select held from points_lots where id = @id", new { id }));
}
