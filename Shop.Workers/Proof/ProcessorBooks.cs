using System.Net;
using System.Runtime.CompilerServices;
using Shop.Payments.Gateway;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Proof;

namespace Shop.Workers.Proof;

/// <summary>The card processor's lists, a page at a time in the order of their keys.</summary>
internal sealed class ProcessorBooks(HttpClient http, SandboxOptions options)
{
    private const int PageSize = 1_000;

    /// <summary>What was captured, by the key of its charge.</summary>
    public sealed class Captures(ProcessorBooks books) : IFacts
    {
        public IAsyncEnumerable<Fact> ReadAsync(CancellationToken ct) =>
            books.ListAsync<Charge>("/v1/charges", FactOf, ct);

        public IAsyncEnumerable<Fact> ReadAsync(IReadOnlyCollection<string> keys, CancellationToken ct) =>
            books.GetAsync<Charge>("/v1/charges", keys, FactOf, ct);

        private static Fact? FactOf(Charge charge) =>
            charge.Status == "CAPTURED" ? new(charge.Key, $"{charge.Amount}|{charge.Currency}") : null;
    }

    /// <summary>What was given back, by the refund's key.</summary>
    public sealed class Refunds(ProcessorBooks books) : IFacts
    {
        public IAsyncEnumerable<Fact> ReadAsync(CancellationToken ct) =>
            books.ListAsync<Refund>("/v1/refunds", FactOf, ct);

        public IAsyncEnumerable<Fact> ReadAsync(IReadOnlyCollection<string> keys, CancellationToken ct) =>
            books.GetAsync<Refund>("/v1/refunds", keys, FactOf, ct);

        private static Fact? FactOf(Refund refund) =>
            refund.Status == "REFUNDED" ? new(refund.Key, $"{refund.ChargeKey}|{refund.Amount}") : null;
    }

    private async IAsyncEnumerable<Fact> ListAsync<T>(
        string path, Func<T, Fact?> factOf, [EnumeratorCancellation] CancellationToken ct)
    {
        // The next page is on its way while this one is looked at.
        var next = ReadAsync<Page<T>>($"{path}?limit={PageSize}", ct);
        while (true)
        {
            var page = await next ?? throw new InvalidOperationException($"The processor has no list at {path}.");
            next = page.NextCursor is { } cursor
                ? ReadAsync<Page<T>>($"{path}?limit={PageSize}&after={Uri.EscapeDataString(cursor)}", ct)
                : null!;
            foreach (var item in page.Items)
            {
                if (factOf(item) is { } fact) yield return fact;
            }

            if (page.NextCursor is null) yield break;
        }
    }

    private async IAsyncEnumerable<Fact> GetAsync<T>(
        string path, IReadOnlyCollection<string> keys, Func<T, Fact?> factOf,
        [EnumeratorCancellation] CancellationToken ct)
        where T : class
    {
        foreach (var key in keys.Order(StringComparer.Ordinal))
        {
            var item = await ReadAsync<T>($"{path}/{Uri.EscapeDataString(key)}", ct);
            if (item is not null && factOf(item) is { } fact) yield return fact;
        }
    }

    private async Task<T?> ReadAsync<T>(string path, CancellationToken ct)
        where T : class
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("X-Api-Key", options.ApiKey);
        using var response = await http.SendAsync(request, ct);
        if (response.StatusCode == HttpStatusCode.NotFound) return null;
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new InvalidOperationException($"The processor answers {(int)response.StatusCode} to GET {path}.");
        }

        return await response.Content.ReadFromJsonAsync<T>(ShopJson.Options, ct);
    }

    private sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);

    private sealed record Charge(string Key, string Status, long Amount, string Currency);

    private sealed record Refund(string Key, string ChargeKey, string Status, long Amount);
}
