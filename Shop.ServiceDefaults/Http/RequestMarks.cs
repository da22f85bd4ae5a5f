namespace Shop.ServiceDefaults.Http;

/// <summary>What a caller says about a request that its method does not.</summary>
public static class RequestMarks
{
    private static readonly HttpRequestOptionsKey<bool> Idempotent = new("shop.idempotent");

    /// <summary>
    /// Says that sending this request twice has the effect of sending it once, so that it may be retried.
    /// For a POST that carries the id of what it makes.
    /// </summary>
    public static HttpRequestMessage MarkIdempotent(this HttpRequestMessage request)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Options.Set(Idempotent, true);
        return request;
    }

    internal static bool MayRepeat(this HttpRequestMessage request) =>
        request.Method == HttpMethod.Get || request.Method == HttpMethod.Head
        || request.Method == HttpMethod.Put || request.Method == HttpMethod.Delete
        || (request.Options.TryGetValue(Idempotent, out var marked) && marked);
}
