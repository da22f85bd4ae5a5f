using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Payments.Orders;
using Shop.Payments.Payments;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Idempotency;

namespace Shop.Tests.Payments;

/// <summary>A buyer with an order, asking to pay it.</summary>
public sealed class Purchase(PaymentsApp app)
{
    public Guid User { get; } = Guid.CreateVersion7();

    public OrderToPay Order { get => field ??= app.Ordering.Place(User); private set; }

    /// <summary>A buyer of these lines.</summary>
    public static Purchase Of(PaymentsApp app, params OrderedLine[] lines)
    {
        var purchase = new Purchase(app);
        purchase.Order = app.Ordering.Place(purchase.User, lines);
        return purchase;
    }

    public async Task<Answer> PayAsync(
        string? token = "tok_ok", string? key = "key-1", string method = "CARD", Guid? orderId = null,
        Guid? user = null, long? points = null)
    {
        using var client = app.ClientOf(user ?? User);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/payments")
        {
            Content = JsonContent.Create(
                new PayOrder.Request(orderId ?? Order.OrderId, method, token, points), options: ShopJson.Options),
        };
        if (key is not null) request.Headers.Add(IdempotencyKey.Header, key);
        using var response = await client.SendAsync(request);
        return await Answer.OfAsync(response);
    }

    /// <summary>Pays and runs the workers until nothing is left to do.</summary>
    public async Task<Guid> PaidAsync(string token = "tok_ok", string key = "key-1")
    {
        var answer = await PayAsync(token, key);
        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        await app.DeliverAsync();
        return answer.PaymentId;
    }

    /// <summary>A payment whose worker died between PROCESSING and the call.</summary>
    public async Task<Guid> ProcessingAsync()
    {
        var id = (await PayAsync()).PaymentId;
        await app.HandleAsync(OnPaymentRequested.Handle, Requested(id), afterCommit: false);
        return id;
    }

    public PaymentRequested Requested(Guid id) => new(id, Order.OrderId, User, app.Clock.GetUtcNow());

    /// <summary>The whole order in points.</summary>
    public Task<Answer> PayInPointsAsync(string key = "key-1", Guid? orderId = null) =>
        PayAsync(token: null, key, "POINTS", orderId);

    public async Task<JsonElement> ShownAsync(Guid paymentId)
    {
        using var client = app.ClientOf(User);
        return await client.GetFromJsonAsync<JsonElement>($"/payments/{paymentId}");
    }
}

public sealed record Answer(HttpStatusCode Status, string Body, bool Replayed)
{
    public JsonElement Json => JsonSerializer.Deserialize<JsonElement>(Body);

    public Guid PaymentId => Json.GetProperty("paymentId").GetGuid();

    public string? Type => Json.GetProperty("type").GetString();

    public static async Task<Answer> OfAsync(HttpResponseMessage response) => new(
        response.StatusCode, await response.Content.ReadAsStringAsync(),
        response.Headers.Contains(IdempotencyKey.ReplayedHeader));
}
