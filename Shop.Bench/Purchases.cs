using System.Net.Http.Headers;
using System.Net.Http.Json;

namespace Shop.Bench;

/// <summary>One purchase after the other, through the API as any client makes them.</summary>
internal sealed class Purchases(BenchShop shop) : IDisposable
{
    private readonly HttpClient _ordering = new() { BaseAddress = shop.Ordering };
    private readonly HttpClient _payments = new() { BaseAddress = shop.Payments };

    /// <returns>The order's id.</returns>
    public async Task<Guid> PlaceAsync(string token, Guid product, CancellationToken ct)
    {
        var body = new { lines = (object[])[new { productId = product, quantity = 1 }] };
        using var answer = await SendAsync(_ordering, "/orders", token, body, ct);
        return (await answer.Content.ReadFromJsonAsync<Placed>(ct))!.Id;
    }

    public async Task PayAsync(string token, Guid order, CancellationToken ct)
    {
        var body = new { orderId = order, method = "CARD", cardToken = "tok_ok" };
        using var answer = await SendAsync(_payments, "/payments", token, body, ct);
    }

    public void Dispose()
    {
        _ordering.Dispose();
        _payments.Dispose();
    }

    private static async Task<HttpResponseMessage> SendAsync(
        HttpClient client, string path, string token, object body, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Add("Idempotency-Key", Guid.CreateVersion7().ToString());
        var answer = await client.SendAsync(request, ct);
        if (answer.IsSuccessStatusCode) return answer;

        using (answer)
        {
            var problem = await answer.Content.ReadAsStringAsync(ct);
            throw new BenchException($"POST {path} was answered with {(int)answer.StatusCode}: {problem}");
        }
    }

    private sealed record Placed(Guid Id);
}
