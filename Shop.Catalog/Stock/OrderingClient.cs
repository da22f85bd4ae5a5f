using Shop.ServiceDefaults.Http;

namespace Shop.Catalog.Stock;

/// <summary>Asks Ordering, which alone decides when an order ends (ADR 0006).</summary>
internal sealed class OrderingClient(HttpClient http)
{
    public enum Answer
    {
        Keep,
        Commit,
        Release,
    }

    /// <param name="Until">With KEEP: when to ask again, if Ordering knows.</param>
    public sealed record HoldAnswer(Guid OrderId, Answer Verdict, DateTimeOffset? Until);

    private sealed record Question(IReadOnlyList<Guid> OrderIds);

    private sealed record Answers(IReadOnlyList<HoldAnswer> Verdicts);

    /// <summary>What is to become of the holds of these orders. Asking about an unknown order ends it there.</summary>
    public async Task<IReadOnlyList<HoldAnswer>> HoldVerdictsAsync(IReadOnlyList<Guid> orderIds, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/internal/orders/hold-verdicts")
        {
            Content = JsonContent.Create(new Question(orderIds), options: ShopJson.Options),
        };
        using var response = await http.SendAsync(request.MarkIdempotent(), ct);
        response.EnsureSuccessStatusCode();
        var answers = await response.Content.ReadFromJsonAsync<Answers>(ShopJson.Options, ct);
        return answers?.Verdicts ?? throw new InvalidDataException("Ordering answered hold-verdicts with nothing.");
    }
}
