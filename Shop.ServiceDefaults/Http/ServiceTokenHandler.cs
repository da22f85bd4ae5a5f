using System.Net;
using System.Net.Http.Headers;

namespace Shop.ServiceDefaults.Http;

/// <summary>Puts this service's token on a request that carries none.</summary>
internal sealed class ServiceTokenHandler(ServiceTokens tokens) : DelegatingHandler
{
    private const string Scheme = "Bearer";
    private static readonly HttpRequestOptionsKey<bool> OursKey = new("shop.service-token");

    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var ours = request.Options.TryGetValue(OursKey, out var marked) && marked;
        if (!tokens.Configured || (request.Headers.Authorization is not null && !ours))
        {
            return await base.SendAsync(request, cancellationToken);
        }

        request.Options.Set(OursKey, true);
        var token = await tokens.GetAsync(cancellationToken);
        request.Headers.Authorization = new AuthenticationHeaderValue(Scheme, token);
        var response = await base.SendAsync(request, cancellationToken);
        if (response.StatusCode != HttpStatusCode.Unauthorized) return response;

        // Refused before any effect (a key withdrawn, a clock set), so it may be sent once more whatever it is.
        response.Dispose();
        tokens.Forget(token);
        request.Headers.Authorization =
            new AuthenticationHeaderValue(Scheme, await tokens.GetAsync(cancellationToken));
        return await base.SendAsync(request, cancellationToken);
    }
}
