using System.Net;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering;

/// <summary>Stock, held in Catalog under the order's id: asking twice holds once.</summary>
internal sealed class CatalogClient(HttpClient http)
{
    /// <summary>One verdict per reservation, in their order. Each is all or nothing by itself.</summary>
    public async Task<IReadOnlyList<Held>> ReserveManyAsync(
        IReadOnlyList<Reservation> reservations, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/internal/stocks/reserve-many")
        {
            Content = JsonContent.Create(new ReserveMany(reservations), options: OrderingJson.Http),
        };
        using var response = await http.SendAsync(request.MarkIdempotent(), ct);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new HttpRequestException(
                $"Catalog answered {(int)response.StatusCode} to a reservation.", null, response.StatusCode);
        }

        var answer = await response.Content.ReadFromJsonAsync<ReserveManyAnswer>(OrderingJson.Http, ct);
        return answer?.Results ?? throw new HttpRequestException("Catalog answered a reservation with nothing.");
    }

    /// <summary>Gives a hold back. Only for an order that can never be: its tombstone has won.</summary>
    public async Task ReleaseAsync(Guid orderId, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/internal/stocks/release")
        {
            Content = JsonContent.Create(new { orderId }, options: ShopJson.Options),
        };
        using var response = await http.SendAsync(request.MarkIdempotent(), ct);
        response.EnsureSuccessStatusCode();
    }

    internal sealed record Reservation(
        Guid OrderId, Guid UserId, IReadOnlyList<ReservedLine> Lines, int TtlSeconds);

    internal sealed record ReservedLine(Guid ProductId, int Quantity);

    /// <param name="Reason">out-of-stock, product-unknown, product-not-on-sale or hold-ended.</param>
    internal sealed record Held(
        Guid OrderId, bool Success, DateTimeOffset? ExpiresAt, IReadOnlyList<HeldLine>? Lines, string? Reason,
        Guid? ProductId, long? RemainingStock);

    internal sealed record HeldLine(
        Guid ProductId, Guid SellerId, string Category, string Name, long UnitPrice, int Quantity,
        long RemainingStock);

    internal sealed record ReserveMany(IReadOnlyList<Reservation> Reservations);

    internal sealed record ReserveManyAnswer(IReadOnlyList<Held> Results);
}
