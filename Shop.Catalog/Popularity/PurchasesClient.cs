using Shop.ServiceDefaults.Http;

namespace Shop.Catalog.Popularity;

/// <summary>Asks Ordering what was paid for each line: after discount, which Catalog does not know.</summary>
internal sealed class PurchasesClient(HttpClient http)
{
    public sealed record PaidLine(Guid ProductId, int Quantity, long Amount);

    public sealed record PaidOrder(Guid OrderId, IReadOnlyList<PaidLine> Lines);

    private sealed record Question(IReadOnlyList<Guid> OrderIds);

    private sealed record Answer(IReadOnlyList<PaidOrder> Orders);

    /// <summary>The lines of those of the orders that were ever paid.</summary>
    public async Task<IReadOnlyList<PaidOrder>> PaidLinesAsync(IReadOnlyList<Guid> orderIds, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/internal/orders/paid-lines")
        {
            Content = JsonContent.Create(new Question(orderIds), options: ShopJson.Options),
        };
        using var response = await http.SendAsync(request.MarkIdempotent(), ct);
        response.EnsureSuccessStatusCode();
        var answer = await response.Content.ReadFromJsonAsync<Answer>(ShopJson.Options, ct);
        return answer?.Orders ?? throw new InvalidDataException("Ordering answered paid-lines with nothing.");
    }
}
