using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Shop.Ordering.Webhooks;
using Shop.Payments.Webhooks;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Ordering.Webhooks;

public sealed class DeliveryTests(OrderingApp app) : IClassFixture<OrderingApp>, IAsyncLifetime
{
    private readonly WebhookOptions _options = new()
    {
        AllowPrivateAddresses = true, Attempts = 3, RetrySeconds = 60, TimeoutSeconds = 60,
    };

    private Receiver _receiver = null!;
    private ServiceProvider _services = null!;

    public async Task InitializeAsync()
    {
        await app.ExecuteAsync("delete from webhooks");
        _receiver = await Receiver.StartAsync();
        _services = new ServiceCollection()
            .AddSingleton(app.Db).AddSingleton(_options).AddSingleton<TimeProvider>(app.Clock).AddLogging()
            .AddSingleton<WebhookSender>()
            .BuildServiceProvider();
    }

    public async Task DisposeAsync()
    {
        await _services.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task An_event_that_is_wanted_is_sent_once_and_signed()
    {
        var (id, secret) = await RegisterAsync("OrderPaid");
        var (paid, eventId) = (Paid(), Guid.CreateVersion7());

        Assert.Equal(Verdict.Applied, await app.DeliverAsync(QueueDeliveries.Subscribe, paid, eventId));
        Assert.Equal(Verdict.AlreadyApplied, await app.DeliverAsync(QueueDeliveries.Subscribe, paid, eventId));
        await app.DeliverAsync(
            QueueDeliveries.Subscribe, new OrderExpired(paid.OrderId, paid.UserId, app.Clock.GetUtcNow()));
        Assert.Equal(1, await SendAsync());
        Assert.Equal(0, await SendAsync());

        var sent = Assert.Single(_receiver.Received);
        Assert.Equal("POST", sent.Method);
        Assert.Equal(
            SignatureVerdict.Valid,
            WebhookSignature.Verify(
                sent.Signature, Encoding.UTF8.GetBytes(sent.Body), secret, app.Clock.GetUtcNow(),
                TimeSpan.FromMinutes(1)));
        using var body = JsonDocument.Parse(sent.Body);
        Assert.Equal(
            (eventId, "OrderPaid.v1", paid.OrderId),
            (body.RootElement.GetProperty("id").GetGuid(), body.RootElement.GetProperty("type").GetString(),
                body.RootElement.GetProperty("data").GetProperty("orderId").GetGuid()));
        Assert.Equal(JsonValueKind.String, body.RootElement.GetProperty("occurredAt").ValueKind);
        var delivery = Assert.Single(await DeliveriesAsync(id));
        Assert.Equal(
            (eventId, "DELIVERED", 1),
            (delivery.GetProperty("id").GetGuid(), delivery.GetProperty("status").GetString(),
                delivery.GetProperty("attempts").GetInt32()));
    }

    [Theory]
    [InlineData(500)]
    [InlineData(302)]
    public async Task What_is_not_taken_is_tried_again_after_pauses_and_given_up_with_a_record(int status)
    {
        var (id, _) = await RegisterAsync();
        _receiver.Answer = status;
        await app.DeliverAsync(QueueDeliveries.Subscribe, Paid());

        Assert.Equal(1, await SendAsync());
        Assert.Equal(0, await SendAsync()); // Its pause is not over.
        for (var attempt = 2; attempt <= _options.Attempts; attempt++)
        {
            app.Clock.Advance(TimeSpan.FromMinutes(5));
            Assert.Equal(1, await SendAsync());
        }

        _receiver.Answer = 200;
        app.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(0, await SendAsync());

        Assert.Equal(_options.Attempts, _receiver.Received.Count);
        Assert.All(_receiver.Received, sent => Assert.Equal("/hook", sent.Path)); // No redirect was followed.
        Assert.Single(_receiver.Received.Select(sent => sent.Body).Distinct());
        var delivery = Assert.Single(await DeliveriesAsync(id));
        Assert.Equal(
            ("GIVEN_UP", _options.Attempts, $"HTTP {status}"),
            (delivery.GetProperty("status").GetString(), delivery.GetProperty("attempts").GetInt32(),
                delivery.GetProperty("lastError").GetString()));
    }

    [Fact]
    public async Task A_receiver_that_is_away_gets_everything_when_it_is_back_and_others_do_not_wait_for_it()
    {
        var (id, _) = await RegisterAsync();
        await using var other = await Receiver.StartAsync();
        await RegisterAtAsync(other.Address);
        _receiver.Answer = 503;
        await app.DeliverAsync(QueueDeliveries.Subscribe, Paid());
        Assert.Equal(2, await SendAsync());
        await app.DeliverAsync(QueueDeliveries.Subscribe, Paid());

        // The first one rests, also for what is new.
        Assert.Equal(1, await SendAsync());
        Assert.Equal(2, other.Received.Count);

        _receiver.Answer = 204;
        app.Clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(2, await SendAsync());
        Assert.All(
            await DeliveriesAsync(id),
            delivery => Assert.Equal("DELIVERED", delivery.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task A_name_that_leads_inside_is_not_connected_to()
    {
        var name = _receiver.Address.Replace("127.0.0.1", "localhost", StringComparison.Ordinal);
        var (id, _) = await RegisterAtAsync(name);
        await app.DeliverAsync(QueueDeliveries.Subscribe, Paid());
        _options.AllowPrivateAddresses = false;

        Assert.Equal(1, await SendAsync());

        Assert.Empty(_receiver.Received);
        var delivery = Assert.Single(await DeliveriesAsync(id));
        Assert.Equal("private address", delivery.GetProperty("lastError").GetString());
    }

    [Fact]
    public async Task What_waits_too_long_is_given_up_and_what_ended_is_forgotten_in_the_end()
    {
        var (id, _) = await RegisterAsync();
        await app.DeliverAsync(QueueDeliveries.Subscribe, Paid());

        app.Clock.Advance(TimeSpan.FromHours(25));
        Assert.Equal(1, await ForgetDeliveries.RunAsync(_services, CancellationToken.None));
        var delivery = Assert.Single(await DeliveriesAsync(id));
        Assert.Equal("GIVEN_UP", delivery.GetProperty("status").GetString());

        app.Clock.Advance(TimeSpan.FromDays(7));
        Assert.Equal(1, await ForgetDeliveries.RunAsync(_services, CancellationToken.None));
        Assert.Empty(await DeliveriesAsync(id));
    }

    private Task<int> SendAsync() => SendDeliveries.RunAsync(_services, CancellationToken.None);

    private OrderPaid Paid() =>
        new(Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), app.Clock.GetUtcNow());

    private Task<(Guid Id, string Secret)> RegisterAsync(params string[] events) =>
        RegisterAtAsync(_receiver.Address, events);

    private async Task<(Guid Id, string Secret)> RegisterAtAsync(string url, params string[] events)
    {
        using var admin = app.Admin();
        using var answer = await admin.PostAsJsonAsync(
            "/webhooks", events.Length == 0 ? new { url } : (object)new { url, events });
        Assert.Equal(201, (int)answer.StatusCode);
        var webhook = await answer.Content.ReadFromJsonAsync<JsonElement>();
        return (webhook.GetProperty("id").GetGuid(), webhook.GetProperty("secret").GetString()!);
    }

    private async Task<JsonElement[]> DeliveriesAsync(Guid webhookId)
    {
        using var admin = app.Admin();
        var list = await admin.GetFromJsonAsync<JsonElement>($"/webhooks/{webhookId}/deliveries");
        return [.. list.GetProperty("items").EnumerateArray()];
    }
}
