using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Shop.Payments.Payments;

namespace Shop.Tests.Payments;

/// <summary>Cancelling a payment in each of its states. One app per test: the sweep takes whatever is due.</summary>
public sealed class CancelPaymentTests : IAsyncLifetime
{
    private readonly PaymentsApp _app = new();
    private readonly Purchase _purchase;

    public CancelPaymentTests() => _purchase = new(_app);

    public Task InitializeAsync() => _app.InitializeAsync();

    public Task DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task One_that_was_not_started_ends_at_once_and_stays_so()
    {
        var payment = (await _purchase.PayAsync()).PaymentId;

        var cancelled = await CancelAsync(payment);
        var again = await CancelAsync(payment);
        await _app.DeliverAsync();

        Assert.Equal((HttpStatusCode.OK, "FAILED"), StatusOf(cancelled));
        Assert.Equal((HttpStatusCode.OK, "FAILED"), StatusOf(again));
        Assert.Equal("payment-voided", (await _purchase.ShownAsync(payment)).GetProperty("failure").GetString());
        Assert.Equal(["PaymentRequested.v1", "PaymentFailed.v1"], await _app.EventsOfAsync(payment));
        Assert.Equal(0, _app.Processor.CallsFor(payment));
    }

    [Fact]
    public async Task One_on_its_way_is_voided_by_its_key()
    {
        var payment = await _purchase.ProcessingAsync();

        Assert.Equal((HttpStatusCode.Accepted, "PROCESSING"), StatusOf(await CancelAsync(payment)));
        Assert.Equal(1, await SweepAsync());

        Assert.True(_app.Processor.IsVoided(payment));
        Assert.Equal((HttpStatusCode.OK, "FAILED"), StatusOf(await CancelAsync(payment)));
        Assert.Equal(["PaymentRequested.v1", "PaymentFailed.v1"], await _app.EventsOfAsync(payment));
    }

    [Fact]
    public async Task One_that_the_processor_had_captured_by_then_is_completed_and_may_be_cancelled_as_such()
    {
        var payment = await _purchase.ProcessingAsync();
        _app.Processor.CaptureBehind(payment, 1_000);

        Assert.Equal((HttpStatusCode.Accepted, "PROCESSING"), StatusOf(await CancelAsync(payment)));
        await SweepAsync();

        Assert.Equal("COMPLETED", await _app.StatusAsync(payment));
        Assert.Equal((HttpStatusCode.Accepted, "COMPLETED"), StatusOf(await CancelAsync(payment, "key")));
        await _app.DeliverAsync();
        Assert.Equal(1_000, _app.Processor.RefundedOf(payment));
    }

    [Fact]
    public async Task What_is_left_of_a_completed_one_is_refunded_once_goods_and_all()
    {
        var payment = await _purchase.PaidAsync();
        await _app.RefundedAsync(_purchase.User, payment, new { amount = 100, reason = "a part" });
        await _app.DeliverAsync();

        var keyless = await CancelAsync(payment);
        var cancelled = await CancelAsync(payment, "key");
        var replay = await CancelAsync(payment, "key");
        await _app.DeliverAsync();
        var over = await CancelAsync(payment);

        Assert.Equal((HttpStatusCode.BadRequest, "urn:shop:idempotency-key-missing"), (keyless.Status, keyless.Type));
        Assert.Equal((HttpStatusCode.Accepted, "COMPLETED"), StatusOf(cancelled));
        Assert.Equal(cancelled with { Replayed = true }, replay);
        Assert.Equal((HttpStatusCode.OK, "COMPLETED"), StatusOf(over));
        Assert.Equal(1_000, _app.Processor.RefundedOf(payment));
        Assert.Equal((1_000, 0), await _app.RefundedOfAsync(payment));
        var refund = cancelled.Json.GetProperty("refundId").GetGuid();
        var attempt = Assert.Single(_app.Ordering.RefundAttempts, attempt => attempt.RefundId == refund);
        Assert.Equal((null, true), (attempt.Lines, attempt.Restock));
    }

    [Fact]
    public async Task Many_at_once_with_one_key_are_one_refund_and_one_answer()
    {
        var payment = await _purchase.PaidAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => CancelAsync(payment, "key")));

        Assert.Equal(
            HttpStatusCode.Accepted,
            Assert.Single(answers.Select(answer => (answer.Status, answer.Body)).Distinct()).Status);
        Assert.Equal((1_000, 0), await _app.RefundedOfAsync(payment));
    }

    [Fact]
    public async Task Its_goods_stay_where_they_are_if_that_is_wanted_and_what_Ordering_refuses_is_passed_on()
    {
        var payment = await _purchase.PaidAsync();
        _app.Ordering.Refuse(_purchase.Order.OrderId, "already-shipped");
        var refused = await CancelAsync(payment, "a");
        _app.Ordering.Allow(_purchase.Order.OrderId);

        var cancelled = await CancelAsync(payment, "b", new { restock = false, reason = "keep it" });

        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:already-shipped"), (refused.Status, refused.Type));
        Assert.Equal(HttpStatusCode.Accepted, cancelled.Status);
        Assert.Equal([true, false], _app.Ordering.RefundAttempts.Select(attempt => attempt.Restock));
    }

    [Fact]
    public async Task A_failed_one_is_over_and_a_strangers_is_not_there()
    {
        var payment = await _purchase.PaidAsync("tok_declined");

        Assert.Equal((HttpStatusCode.OK, "FAILED"), StatusOf(await CancelAsync(payment)));
        Assert.Equal("card-declined", (await _purchase.ShownAsync(payment)).GetProperty("failure").GetString());
        Assert.Equal(
            HttpStatusCode.NotFound, (await _app.CancelAsync(Guid.CreateVersion7(), payment, "key")).Status);
    }

    private Task<Answer> CancelAsync(Guid payment, string? key = null, object? body = null) =>
        _app.CancelAsync(_purchase.User, payment, key, body);

    private Task<int> SweepAsync() => _app.Workers.GetRequiredService<RecoverPayments>().RunAsync(default);

    private static (HttpStatusCode, string?) StatusOf(Answer answer) =>
        (answer.Status, answer.Json.GetProperty("status").GetString());
}
