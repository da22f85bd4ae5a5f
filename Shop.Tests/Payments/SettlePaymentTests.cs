using System.Net;
using System.Net.Http.Json;
using Shop.Payments.Payments;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Payments;

public sealed class SettlePaymentTests(PaymentsApp app) : IClassFixture<PaymentsApp>
{
    private readonly Purchase _purchase = new(app);

    [Fact]
    public async Task Worker_webhook_and_sweep_at_once_settle_it_once()
    {
        var id = await _purchase.ProcessingAsync();

        var verdicts = await Task.WhenAll(
            SettlePayment.CapturedAsync(app.Database, id, 1_000, "worker", default),
            SettlePayment.CapturedAsync(app.Database, id, 1_000, "webhook", default),
            SettlePayment.CapturedAsync(app.Database, id, 1_000, "sweep", default));

        Assert.Equal(
            [PaymentVerdict.Applied, PaymentVerdict.AlreadyApplied, PaymentVerdict.AlreadyApplied], verdicts.Order());
        Assert.Equal(["PaymentRequested.v1", "PaymentCompleted.v1"], await app.EventsOfAsync(id));
    }

    [Fact]
    public async Task A_capture_and_a_failure_at_once_end_it_once_and_owe_what_came_too_late()
    {
        var id = await _purchase.ProcessingAsync();

        var verdicts = await Task.WhenAll(
            SettlePayment.CapturedAsync(app.Database, id, 1_000, "webhook", default),
            SettlePayment.FailedAsync(app.Database, id, "processor-timeout", "sweep", default));

        var status = await app.StatusAsync(id);
        var owed = await app.ScalarAsync<long>(
            "select coalesce(sum(card), 0) from refunds where payment_id = @id and owed", new { id });
        Assert.Contains((status, owed), new[] { ("COMPLETED", 0L), ("FAILED", 1_000L) });
        Assert.Contains(PaymentVerdict.Applied, verdicts);
    }

    [Fact]
    public async Task An_event_that_comes_twice_charges_once()
    {
        var id = (await _purchase.PayAsync()).PaymentId;

        var first = await app.HandleAsync(OnPaymentRequested.Handle, _purchase.Requested(id));
        var second = await app.HandleAsync(OnPaymentRequested.Handle, _purchase.Requested(id));

        Assert.Equal(Verdict.Applied, first);
        Assert.Equal(Verdict.AlreadyApplied, second);
        Assert.Equal(1, app.Processor.CallsFor(id));
    }

    [Fact]
    public async Task A_question_about_an_unknown_payment_keeps_it_from_ever_being_stored()
    {
        var order = _purchase.Order;
        Guid? asked = null;
        app.Ordering.BeforeAnswer = async paymentId =>
        {
            asked = paymentId;
            Assert.Equal(("FAILED", "attempt-abandoned"), await AskAsync(paymentId, order.OrderId));
        };

        var answer = await _purchase.PayAsync();
        app.Ordering.BeforeAnswer = null;
        var replay = await _purchase.PayAsync();

        Assert.Equal("urn:shop:attempt-abandoned", answer.Type);
        Assert.Equal("urn:shop:attempt-abandoned", replay.Type);
        Assert.Equal("ABANDONED", await app.StatusAsync(asked!.Value));
        Assert.Empty(await app.EventsOfAsync(asked.Value));
        Assert.Equal(
            HttpStatusCode.Accepted, (await _purchase.PayAsync(key: "a new key")).Status);
    }

    [Fact]
    public async Task A_question_about_a_stored_payment_changes_nothing()
    {
        var id = (await _purchase.PayAsync()).PaymentId;

        Assert.Equal(("REQUESTED", null), await AskAsync(id, _purchase.Order.OrderId));
        await app.DeliverAsync();
        Assert.Equal(("COMPLETED", null), await AskAsync(id, _purchase.Order.OrderId));
    }

    [Fact]
    public async Task Another_orders_payment_counts_as_unknown_and_is_left_alone()
    {
        var id = (await _purchase.PayAsync()).PaymentId;

        Assert.Equal(("FAILED", "attempt-abandoned"), await AskAsync(id, Guid.CreateVersion7()));
        Assert.Equal("REQUESTED", await app.StatusAsync(id));
    }

    [Fact]
    public async Task Question_and_payment_at_once_agree()
    {
        for (var round = 0; round < 20; round++)
        {
            var purchase = new Purchase(app);
            var order = purchase.Order;
            Task<(string Status, string? Failure)>? question = null;
            app.Ordering.BeforeAnswer = paymentId =>
            {
                question = Task.Run(() => AskAsync(paymentId, order.OrderId));
                return Task.CompletedTask;
            };

            var answer = await purchase.PayAsync();
            app.Ordering.BeforeAnswer = null;
            var (status, _) = await question!;

            Assert.Equal(
                answer.Status == HttpStatusCode.Accepted ? "REQUESTED" : "FAILED", status);
        }
    }

    private async Task<(string Status, string? Failure)> AskAsync(Guid paymentId, Guid orderId)
    {
        using var client = app.InternalClient();
        var answer = await client.GetFromJsonAsync<Told>($"/internal/payments/{paymentId}?orderId={orderId}");
        Assert.Equal((paymentId, orderId), (answer!.PaymentId, answer.OrderId));
        return (answer.Status, answer.Failure);
    }

    private sealed record Told(Guid PaymentId, Guid OrderId, string Status, string? Failure);
}
