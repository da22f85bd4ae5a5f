using System.Net;
using System.Text.Json;
using Shop.Payments.Payments;
using Shop.Payments.Webhooks;
using Shop.ServiceDefaults.Http;

namespace Shop.Tests.Payments;

public sealed class WebhookTests(PaymentsApp app) : IClassFixture<PaymentsApp>
{
    private readonly Purchase _purchase = new(app);

    [Fact]
    public async Task A_capture_settles_an_open_payment_and_a_second_one_changes_nothing()
    {
        var id = await _purchase.ProcessingAsync();

        for (var copy = 0; copy < 3; copy++)
        {
            Assert.Equal(HttpStatusCode.OK, await SendAsync("charge.captured", id));
        }

        Assert.Equal("COMPLETED", await app.StatusAsync(id));
        Assert.Equal(["PaymentRequested.v1", "PaymentCompleted.v1"], await app.EventsOfAsync(id));
    }

    [Fact]
    public async Task A_decline_fails_it_with_the_processors_reason()
    {
        var id = await _purchase.ProcessingAsync();

        Assert.Equal(HttpStatusCode.OK, await SendAsync("charge.declined", id, failureCode: "insufficient-funds"));

        Assert.Equal("insufficient-funds", (await _purchase.ShownAsync(id)).GetProperty("failure").GetString());
    }

    [Fact]
    public async Task A_decline_after_the_capture_changes_nothing()
    {
        var id = await _purchase.PaidAsync();

        Assert.Equal(HttpStatusCode.OK, await SendAsync("charge.declined", id));

        Assert.Equal("COMPLETED", await app.StatusAsync(id));
        Assert.Equal(["PaymentRequested.v1", "PaymentCompleted.v1"], await app.EventsOfAsync(id));
    }

    [Fact]
    public async Task A_notice_of_an_unknown_payment_is_404_so_that_it_comes_again()
    {
        Assert.Equal(HttpStatusCode.NotFound, await SendAsync("charge.captured", Guid.CreateVersion7()));
    }

    [Fact]
    public async Task Another_amount_than_was_asked_for_settles_nothing()
    {
        var id = await _purchase.ProcessingAsync();

        await SendAsync("charge.captured", id, amount: 999);

        Assert.Equal("PROCESSING", await app.StatusAsync(id));
    }

    [Fact]
    public async Task A_forged_an_old_and_an_unsigned_notice_are_refused()
    {
        var id = await _purchase.ProcessingAsync();
        var now = app.Clock.GetUtcNow().ToUnixTimeSeconds();

        HttpStatusCode[] answers =
        [
            await SendAsync("charge.captured", id, secret: "forged"),
            await SendAsync("charge.captured", id, time: now - 301),
            await SendAsync("charge.captured", id, time: now + 360),
            await SendAsync("charge.captured", id, secret: null),
        ];

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.Unauthorized, answer));
        Assert.Equal("PROCESSING", await app.StatusAsync(id));
    }

    [Fact]
    public async Task A_body_that_is_signed_but_no_notice_is_400_and_a_huge_one_413()
    {
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync("[]"u8.ToArray(), PaymentsApp.WebhookSecret));
        Assert.Equal(
            HttpStatusCode.RequestEntityTooLarge, await SendAsync(new byte[20_000], PaymentsApp.WebhookSecret));
    }

    [Fact]
    public async Task A_capture_of_a_failed_payment_is_recorded_and_refunded_once_without_its_order()
    {
        var id = await _purchase.ProcessingAsync();
        app.Processor.CaptureBehind(id, 1_000);
        await SettlePayment.FailedAsync(app.Database, id, "processor-timeout", "test", CancellationToken.None);

        for (var copy = 0; copy < 3; copy++)
        {
            Assert.Equal(HttpStatusCode.OK, await SendAsync("charge.captured", id));
        }

        await app.DeliverAsync();

        var shown = await _purchase.ShownAsync(id);
        Assert.Equal("FAILED", shown.GetProperty("status").GetString());
        Assert.Equal(1_000, shown.GetProperty("refunded").GetInt64());
        Assert.Equal(
            "LATE_CAPTURE COMPLETED 1000 true",
            await app.ScalarAsync<string>(
                "select concat_ws(' ', cause, status, card, owed::text) from refunds where payment_id = @id",
                new { id }));
        Assert.Equal(1_000, app.Processor.RefundedOf(id));
        Assert.Equal(
            ["PaymentRequested.v1", "PaymentFailed.v1", "RefundRequested.v1", "RefundCompleted.v1"],
            await app.EventsOfAsync(id));
        Assert.Equal(0, await app.ScalarAsync<int>(
            "select count(*) from outbox where key = @id and type like 'Refund%' and payload->>'orderId' is not null",
            new { id }));
    }

    private Task<HttpStatusCode> SendAsync(
        string type, Guid key, long amount = 1_000, string? secret = PaymentsApp.WebhookSecret, long? time = null,
        string? failureCode = null)
    {
        var notice = new ReceiveSandboxWebhook.Notice("n-1", type, key, amount, failureCode, app.Clock.GetUtcNow());
        return SendAsync(JsonSerializer.SerializeToUtf8Bytes(notice, ShopJson.Options), secret, time);
    }

    private async Task<HttpStatusCode> SendAsync(byte[] body, string? secret, long? time = null)
    {
        using var client = app.Client(null);
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new("application/json");
        if (secret is not null)
        {
            var header = WebhookSignatureTests.Header(
                time ?? app.Clock.GetUtcNow().ToUnixTimeSeconds(), body, secret);
            content.Headers.Add(WebhookSignature.Header, header);
        }

        using var response = await client.PostAsync("/webhooks/sandbox", content);
        return response.StatusCode;
    }
}
