using System.Security.Claims;
using Dapper;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Payments.Orders;
using Shop.Payments.Settlement;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Payments;

/// <summary>Lines, days and statements; race 14. One app per test, since days close in order.</summary>
public sealed class SettlementTests : IAsyncLifetime
{
    private readonly PaymentsApp _app = new();
    private DateOnly _today;

    public async Task InitializeAsync()
    {
        await _app.InitializeAsync();
        _today = _app.MoveToNoon();
    }

    public Task DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task A_sale_and_its_refunds_are_lines_that_add_up_to_nothing()
    {
        var line = Line() with { Quantity = 3, Amount = 1_000, Discount = 100 };
        var purchase = Purchase.Of(_app, line, Line() with { Category = "toys", Amount = 101 });
        var id = await purchase.PaidAsync();
        var part = await _app.RefundUnitsAsync(purchase, id, line.ProductId, 1);
        var rest = await _app.RefundRestAsync(purchase, id);

        Assert.Equal("CAPTURE books 3 1100 100 30 970\nCAPTURE toys 1 101 0 3 98", await _app.SettledAsync(id));
        Assert.Equal("REFUND books -1 -366 -33 -9 -324", await _app.SettledAsync(part));
        Assert.Equal("REFUND books -2 -734 -67 -21 -646\nREFUND toys -1 -101 0 -3 -98", await _app.SettledAsync(rest));
        Assert.Equal(_today, await _app.DayOfAsync(id));
        await MoneyRules.HoldAsync(_app);
    }

    [Fact]
    public async Task An_event_delivered_twice_makes_its_lines_once()
    {
        var completed = await _app.CompleteAsync(new(_app));

        Assert.Equal(Verdict.Applied, await _app.SettleAsync(completed));
        Assert.Equal(Verdict.AlreadyApplied, await _app.SettleAsync(completed));
        Assert.Equal("CAPTURE books 2 700 0 21 679\nCAPTURE toys 1 300 0 9 291",
            await _app.SettledAsync(completed.PaymentId));
    }

    [Fact]
    public async Task Money_that_was_never_a_sale_is_not_settled()
    {
        var id = await new Purchase(_app).PaidAsync("tok_refused");
        await _app.CaptureLateAsync(id, 1_000);
        await _app.DeliverAsync();

        Assert.Equal(1_000, _app.Processor.RefundedOf(id));
        Assert.Equal(0, await _app.ScalarAsync<int>("select count(*) from settlement_lines"));
    }

    [Fact]
    public async Task A_day_ends_at_midnight_in_its_time_zone()
    {
        var first = await _app.CompleteAsync(new(_app));
        await _app.SettleAsync(first with { CompletedAt = Settling.EndOf(_today).AddTicks(-10) });
        var second = await _app.CompleteAsync(new(_app));
        await _app.SettleAsync(second with { CompletedAt = Settling.EndOf(_today) });

        Assert.Equal(_today, await _app.DayOfAsync(first.PaymentId));
        Assert.Equal(_today.AddDays(1), await _app.DayOfAsync(second.PaymentId));
    }

    [Fact]
    public async Task A_day_closes_once_its_events_are_whole_and_so_do_empty_days_after_it()
    {
        var id = await new Purchase(_app).PaidAsync();

        await _app.WholeUntilAsync(Settling.EndOf(_today).AddMinutes(-1));
        Assert.Equal(0, await _app.CloseWholeDaysAsync());
        Assert.Equal(1, await _app.CloseAsync(_today));
        Assert.Equal(2, await _app.CloseAsync(_today.AddDays(2)));

        Assert.Equal(_today, await _app.DayOfAsync(id));
        Assert.Equal(3, await _app.ScalarAsync<int>("select count(*) from settlement_days where status = 'CLOSED'"));
        Assert.Equal(2, await _app.ScalarAsync<int>("select count(*) from settlement_statements"));
        await MoneyRules.HoldAsync(_app);
    }

    [Fact]
    public async Task A_line_that_comes_after_the_close_counts_for_the_next_open_day()
    {
        await new Purchase(_app).PaidAsync();
        var late = await _app.CompleteAsync(new(_app));
        await _app.CloseAsync(_today.AddDays(1));
        var statements = await StatementsAsync();

        Assert.Equal(Verdict.Applied, await _app.SettleAsync(late));

        Assert.Equal(_today.AddDays(2), await _app.DayOfAsync(late.PaymentId));
        Assert.Equal(statements, await StatementsAsync());
    }

    [Fact]
    public async Task The_close_waits_for_a_line_that_is_being_written_and_counts_it()
    {
        await new Purchase(_app).PaidAsync();
        var completed = await _app.CompleteAsync(new(_app));
        var written = new TaskCompletionSource();
        var mayCommit = new TaskCompletionSource();
        var line = _app.HandleAsync<PaymentCompleted>(async (e, context) =>
        {
            var verdict = await OnPaymentCompleted.Handle(e, context);
            written.SetResult();
            await mayCommit.Task;
            return verdict;
        }, completed);
        await written.Task;

        var closing = _app.CloseAsync(_today);
        await Eventually.HoldsAsync(async () => await WaitingAsync() > 0);
        mayCommit.SetResult();

        Assert.Equal(Verdict.Applied, await line);
        Assert.Equal(1, await closing);
        Assert.Equal(4, await _app.ScalarAsync<long>("select sum(line_count) from settlement_statements"));
        await MoneyRules.HoldAsync(_app);
    }

    [Fact]
    public async Task A_line_that_waits_for_the_close_counts_for_the_next_day()
    {
        await new Purchase(_app).PaidAsync();
        var completed = await _app.CompleteAsync(new(_app));
        await using var connection = await _app.Database.Source.OpenConnectionAsync();
        await using var closing = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync(
            "update settlement_days set status = 'CLOSED', closed_at = now() where day = @_today", new { _today });

        var line = _app.SettleAsync(completed);
        await Eventually.HoldsAsync(async () => await WaitingAsync() > 0);
        await closing.CommitAsync();

        Assert.Equal(Verdict.Applied, await line);
        Assert.Equal(_today.AddDays(1), await _app.DayOfAsync(completed.PaymentId));
    }

    [Fact]
    public async Task Lines_and_closes_at_once_leave_each_line_in_exactly_one_statement()
    {
        await new Purchase(_app).PaidAsync();
        var completed = new List<PaymentCompleted>();
        for (var i = 0; i < 24; i++) completed.Add(await _app.CompleteAsync(new(_app)));

        var day = _today.AddDays(-1);
        Task<Verdict>[] lines = [.. completed.Select(e => _app.SettleAsync(e))];
        // A day is closed after each line at the earliest: one that met a close every time it tried would give up.
        await foreach (var ended in Task.WhenEach(lines))
        {
            Assert.Equal(Verdict.Applied, await ended);
            await _app.CloseAsync(day = day.AddDays(1));
        }

        await _app.CloseAsync(day.AddDays(2));

        Assert.Equal(50, await _app.ScalarAsync<long>("select sum(line_count) from settlement_statements"));
        await MoneyRules.HoldAsync(_app);
    }

    [Fact]
    public async Task A_parked_event_does_not_block_the_close_and_counts_for_the_next_open_day_once_replayed()
    {
        await new Purchase(_app).PaidAsync();
        var completed = await _app.CompleteAsync(new(_app));
        var group = _app.Workers.GetServices<IConsumerGroup>().Single(one => one.Name == CloseDays.Group);
        var before = await HadAsync(group);
        await _app.ExecuteAsync("""
            insert into parked_events (consumer_group, slot, event_id, stream, type, key, version, occurred_at, payload,
                                       error, attempts)
            select @Group, slot, event_id, stream, type, key, version, occurred_at, payload, 'poison', 5
              from outbox
             where key = @PaymentId and type = 'PaymentCompleted.v1'
            """, new { CloseDays.Group, completed.PaymentId });

        // The reconciler's count has it: the group lacks nothing.
        Assert.Equal(before + 1, await HadAsync(group));
        Assert.Equal(1, await _app.CloseAsync(_today));
        var parked = Assert.Single(await group.ListParkedAsync(0, 10, CancellationToken.None));
        var admin = new ClaimsPrincipal(new ClaimsIdentity([new("sub", $"{Guid.CreateVersion7()}")], "test"));
        var replayed = Assert.Single(
            await group.ReplayAsync(parked.Id, dryRun: false, admin, CancellationToken.None));

        Assert.Equal("Applied", replayed.Outcome);
        Assert.Equal(_today.AddDays(1), await _app.DayOfAsync(completed.PaymentId));
        await MoneyRules.HoldAsync(_app);
    }

    [Theory]
    [InlineData("update settlement_statements set net = net + 1, gross = gross + 1")]
    [InlineData("delete from settlement_statements")]
    [InlineData("truncate settlement_statements")]
    [InlineData("update settlement_lines set fee = 0, net = net + fee")]
    [InlineData("delete from settlement_lines")]
    [InlineData("truncate settlement_lines")]
    [InlineData("update settlement_days set status = 'OPEN', closed_at = null")]
    [InlineData("delete from settlement_days")]
    [InlineData("update payment_lines set fee = fee + 1")]
    [InlineData("update payment_lines set discount = discount + 1")]
    [InlineData("delete from seller_fees where seller_id is null")]
    public async Task What_is_closed_or_frozen_never_changes(string sql)
    {
        await new Purchase(_app).PaidAsync();
        await _app.CloseAsync(_today);

        var refused = await Assert.ThrowsAsync<PostgresException>(() => _app.ExecuteAsync(sql));

        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
    }

    [Fact]
    public async Task Nothing_is_added_to_a_closed_day_by_whoever_tries()
    {
        var id = await new Purchase(_app).PaidAsync();
        await _app.CloseAsync(_today);

        var refused = await Assert.ThrowsAsync<PostgresException>(() => _app.ExecuteAsync("""
            insert into settlement_lines
            select gen_random_uuid(), product_id, kind, statement_id, day, seller_id, category, payment_id, order_id,
                   quantity, gross, discount, fee, net, currency, ledger_transaction_id, occurred_at
              from settlement_lines where source_id = @id
            """, new { id }));

        Assert.Equal("settlement_day_open", refused.ConstraintName);
    }

    private async Task<long> HadAsync(IConsumerGroup group)
    {
        var tomorrow = _app.Clock.GetUtcNow().AddDays(1);
        var counts = await group.CountAsync(
            DateTimeOffset.UnixEpoch, tomorrow, EventIdBound.At(tomorrow), CancellationToken.None);
        return counts.Sum(count => count.Count);
    }

    private static OrderedLine Line() => new(Guid.CreateVersion7(), Guid.CreateVersion7(), "books", 1, 700);

    private Task<long> WaitingAsync() => _app.ScalarAsync<long>("""
        select count(*) from pg_locks l join pg_stat_activity a using (pid)
         where not l.granted and a.datname = current_database()
        """);

    private Task<string> StatementsAsync() =>
        _app.ScalarAsync<string>("select string_agg(s::text, ';' order by id) from settlement_statements s");

}
