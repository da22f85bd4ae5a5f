using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Purchase;

/// <summary>What a buyer does over HTTP, for the tests over the whole application.</summary>
internal static class Buying
{
    private static int _picked;

    /// <summary>The answer of a service: status, body and headers.</summary>
    public sealed record Answer(HttpStatusCode Status, JsonElement Body, HttpResponseMessage Response)
    {
        public Guid Id => Body.GetProperty("id").GetGuid();

        /// <summary>The slug of a problem's <c>urn:shop:</c> type.</summary>
        public string Problem => Text("type")["urn:shop:".Length..];

        public bool Replayed => Response.Headers.TryGetValues("Idempotency-Replayed", out var v) && v.First() == "true";

        public string Text(string field) => Body.GetProperty(field).GetString()!;

        public long Number(string field) => Body.GetProperty(field).GetInt64();

        // The one a record would write reads Problem, which only a refusal has: every failing wait would throw.
        public override string ToString() => $"{(int)Status} {Body}";
    }

    public static string NewKey() => Guid.CreateVersion7().ToString();

    public static async Task<Answer> PostAsync(this HttpClient client, string path, object body, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        return await ReadAsync(await client.SendAsync(request));
    }

    public static async Task<Answer> AskAsync(this HttpClient client, string path) =>
        await ReadAsync(await client.GetAsync(path));

    /// <summary>A product on sale of which there are plenty, another one at each call: tests share the shop.</summary>
    /// <param name="atMost">For who wants to order more than there is: a line takes no more than 10,000.</param>
    public static async Task<Guid> PlentifulProductAsync(
        this ShopApp shop, long atLeast = 100, long atMost = long.MaxValue)
    {
        var products = await shop.Catalog.AskAsync("/products?limit=100");
        var plentiful = products.Body.GetProperty("items").EnumerateArray()
            .Where(product =>
                product.GetProperty("available").GetInt64() is var units && units >= atLeast && units <= atMost)
            .Select(product => product.GetProperty("id").GetGuid())
            .ToArray();
        return plentiful[Interlocked.Increment(ref _picked) % plentiful.Length];
    }

    public static Task<Answer> PlaceAsync(
        this ShopUser buyer, Guid product, long quantity = 1, string? card = null, string? key = null) =>
        buyer.Ordering.PostAsync(
            "/orders",
            new
            {
                lines = new[] { new { productId = product, quantity } },
                payment = card is null ? null : new { method = "CARD", cardToken = card },
            },
            key ?? (card is null ? null : NewKey()));

    public static Task<Answer> PayAsync(this ShopUser buyer, Guid order, string card, string? key = null) =>
        buyer.Payments.PostAsync(
            "/payments", new { orderId = order, method = "CARD", cardToken = card }, key ?? NewKey());

    public static Task<Answer> OrderAsync(this ShopUser buyer, Guid order) =>
        buyer.Ordering.AskAsync($"/orders/{order}");

    /// <summary>The time to pay the order is over, as if it had passed.</summary>
    public static Task EndTimeOfAsync(this ShopApp shop, Guid order) => shop.ScalarAsync<Guid>(
        "orderingdb", "update orders set expires_at = now() where id = $1 returning id", order);

    public static Task<Answer> OrderBecomesAsync(this ShopUser buyer, Guid order, string status) =>
        Eventually.GetAsync(
            () => buyer.OrderAsync(order), answer => answer.Text("status") == status,
            TimeSpan.FromSeconds(120), $"order {order} is {status}");

    public static Task<Answer> PaymentBecomesAsync(this ShopUser buyer, Guid payment, string status) =>
        Eventually.GetAsync(
            () => buyer.Payments.AskAsync($"/payments/{payment}"), answer => answer.Text("status") == status,
            TimeSpan.FromSeconds(120), $"payment {payment} is {status}");

    private static async Task<Answer> ReadAsync(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        return new(response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement, response);
    }
}
