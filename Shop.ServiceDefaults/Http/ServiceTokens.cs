using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.Options;

namespace Shop.ServiceDefaults.Http;

/// <summary>Who this service is to the others: <c>ServiceClient:Id</c> and <c>ServiceClient:Secret</c>.</summary>
public sealed class ServiceClientOptions
{
    /// <summary>Null: this service calls nobody who would ask.</summary>
    public string? Id { get; set; }

    public string? Secret { get; set; }

    /// <summary>The share of a token's life after which a new one is fetched.</summary>
    [Range(0.1, 0.95)]
    public double RenewAtShareOfLife { get; set; } = 0.75;
}

/// <summary>
/// This service's own access token by client credentials: kept, renewed ahead of its end, one fetch at a time. While
/// Identity is away the one at hand serves until it expires.
/// </summary>
internal sealed class ServiceTokens(
    IHttpClientFactory clients, IOptions<ServiceClientOptions> options, TimeProvider clock)
    : IDisposable
{
    public const string IdentityService = "identity";
    public const string ClientName = "shop-identity";
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);
    private readonly SemaphoreSlim _fetching = new(1, 1);
    private volatile Token? _token;
    private long _notBeforeTicks;

    public bool Configured => !string.IsNullOrEmpty(options.Value.Id);

    public async ValueTask<string> GetAsync(CancellationToken ct)
    {
        var token = _token;
        var now = clock.GetUtcNow();
        if (token is not null && now < token.RenewAt) return token.Value;

        // A token that still holds is renewed by one caller; the others go on with it and do not wait.
        var usable = token is not null && now < token.ExpiresAt;
        var pausing = now.UtcTicks < Volatile.Read(ref _notBeforeTicks);
        if (usable && (pausing || !_fetching.Wait(0, ct))) return token!.Value;
        if (!usable) await _fetching.WaitAsync(ct);
        try
        {
            if (_token is { } fresh && !ReferenceEquals(fresh, token)) return fresh.Value;
            return await FetchAsync(ct);
        }
        catch (ServiceUnavailableException) when (usable)
        {
            Volatile.Write(ref _notBeforeTicks, (clock.GetUtcNow() + PauseAfterFailure).UtcTicks);
            return token!.Value;
        }
        finally
        {
            _fetching.Release();
        }
    }

    /// <summary>The token was refused: the next caller fetches another.</summary>
    public void Forget(string refused)
    {
        var token = _token;
        if (token?.Value == refused) Interlocked.CompareExchange(ref _token, null, token);
    }

    public void Dispose() => _fetching.Dispose();

    private async Task<string> FetchAsync(CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/auth/token")
        {
            Content = JsonContent.Create(
                new TokenRequest(options.Value.Id!, options.Value.Secret ?? ""), mediaType: null, ShopJson.Options),
        };
        request.MarkIdempotent();
        var asked = clock.GetUtcNow();
        using var response = await clients.CreateClient(ClientName).SendAsync(request, ct);
        if (response.StatusCode is HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError)
        {
            throw new ServiceUnavailableException(IdentityService, PauseAfterFailure, mayHaveArrived: true);
        }

        if (!response.IsSuccessStatusCode)
        {
            throw new InvalidOperationException(
                $"Identity refuses the service client '{options.Value.Id}' with {(int)response.StatusCode}.");
        }

        var answer = await response.Content.ReadFromJsonAsync<TokenResponse>(ShopJson.Options, ct)
            ?? throw new InvalidOperationException("Identity answered without a token.");
        var life = TimeSpan.FromSeconds(answer.ExpiresIn);
        _token = new Token(answer.AccessToken, asked + life * options.Value.RenewAtShareOfLife, asked + life);
        return answer.AccessToken;
    }

    private sealed record Token(string Value, DateTimeOffset RenewAt, DateTimeOffset ExpiresAt);

    private sealed record TokenRequest(string ClientId, string ClientSecret);

    private sealed record TokenResponse(string AccessToken, string TokenType, int ExpiresIn);
}
